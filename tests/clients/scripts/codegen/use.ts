// Compiled by `tsc --strict`: what was generated has the types that a program expects of it.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";

import { PeopleDocument, RenameDocument } from "./documents.js";
import type { PeopleQuery, PersonFragment, ProgressSubscription } from "./documents.js";
import type { ContactFilter } from "./schema-types.js";

declare function send<Result, Variables>(document: TypedDocumentNode<Result, Variables>, variables: Variables): Promise<Result>;

const filter: ContactFilter = { seniority: { in: ["VP", "C_SUITE"] }, and: [{ city: { startsWith: "B" } }] };

function name(person: PersonFragment): string {
  return `${person.firstName ?? "somebody"} of ${person.company?.name ?? "nowhere"}`;
}

export async function names(): Promise<string[]> {
  const page: PeopleQuery = await send(PeopleDocument, { first: 10, filter });
  const after: string | null | undefined = page.contacts.pageInfo.endCursor;
  const next = await send(PeopleDocument, { first: 10, after });
  return [...page.contacts.edges, ...next.contacts.edges].map(({ node }) => name(node));
}

export async function rename(id: string): Promise<string> {
  const { updateContact } = await send(RenameDocument, { input: { id, firstName: "Ada" } });
  const [mistake] = updateContact.userErrors;
  if (mistake?.__typename === "ConflictError") return mistake.current?.id ?? "nothing";
  return mistake === undefined ? (updateContact.contact?.uuid ?? "") : mistake.message;
}

export function done(event: ProgressSubscription): boolean {
  return event.jobProgress.status === "COMPLETED" && event.jobProgress.progress === 1;
}

// @ts-expect-error A page is asked for by a number.
export const wrong = send(PeopleDocument, { first: "ten" });
