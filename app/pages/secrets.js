// Telling text with passwords or tokens in it. Rather too much is taken for secret than too little.

const FIELDS = /\b(?:login|refreshToken|changePassword|createUser|resetPassword|createApiToken|updateProfile)\b/u;
const WORDS = /password|token|secret/iu;
const TOKENS = /\ba360r?_|\beyJ[\w-]+\.eyJ/u;

/** Whether a query or its variables may have a secret in them: by a field or key that takes one, half-typed or in a comment too. */
export function hasSecrets({ query, variables }) {
  const text = `${query}\n${variables}`;
  return [FIELDS, WORDS, TOKENS].some((pattern) => pattern.test(text));
}
