// What Apollo and Mercurius read: the statements of limit A, cut where their resolvers are.
import pg from "pg";

// Points in time stay the text that PostgreSQL writes: it keeps the microseconds, and costs no Date.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text);

const connections = Number(process.env.CONNECTIONS);
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: connections,
  min: connections,
  idleTimeoutMillis: 0,
  options: "-c jit=off -c timezone=UTC",
});

const CONTACT = `id, full_name AS "fullName", title, email, email_status AS "emailStatus",
  created_at AS "createdAt", company_id AS "companyId"`;
const COMPANY = `id, name, industries, domain, employees_count AS "employeesCount"`;

// A statement with a name is prepared once on each connection.
async function rows(name, text, values) {
  return (await pool.query({ name, text, values })).rows;
}

const newestContacts = `SELECT ${CONTACT} FROM contacts
  WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1`;

export async function readContactPage(first) {
  const found = await rows("newest-contacts", newestContacts, [first + 1]);
  const edges = found.slice(0, first).map((node) => ({ cursor: cursor(node), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: found.length > first,
      hasPreviousPage: false,
      startCursor: edges[0]?.cursor,
      endCursor: edges.at(-1)?.cursor,
    },
  };
}

function cursor({ createdAt, id }) {
  return Buffer.from(`${createdAt}:${id}`).toString("base64url");
}

const oneContact = `SELECT ${CONTACT} FROM contacts WHERE id = $1 AND deleted_at IS NULL`;

export async function readContact(id) {
  return (await rows("one-contact", oneContact, [id]))[0];
}

const newestCompanies = `SELECT ${COMPANY} FROM companies
  WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1`;

export async function readCompanies(first) {
  return { nodes: await rows("newest-companies", newestCompanies, [first]) };
}

const companiesById = `SELECT ${COMPANY} FROM companies
  WHERE id = ANY($1::bigint[]) AND deleted_at IS NULL`;

// The companies of the ids, in the order of the ids.
export async function readCompaniesById(ids) {
  const found = await rows("companies-by-id", companiesById, [ids]);
  const byId = new Map(found.map((company) => [company.id, company]));
  return ids.map((id) => byId.get(id) ?? null);
}

const contactsByCompany = `SELECT contact.* FROM unnest($1::bigint[]) AS company (id)
  CROSS JOIN LATERAL (
    SELECT ${CONTACT} FROM contacts WHERE company_id = company.id AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT $2
  ) AS contact ORDER BY "createdAt" DESC, contact.id DESC`;

// The first contacts of each company, in the order of the companies; all want as many.
export async function readContactsByCompany(companyIds, first) {
  const byCompany = new Map(companyIds.map((id) => [id, { nodes: [] }]));
  const found = await rows("contacts-by-company", contactsByCompany, [companyIds, first]);
  for (const contact of found) byCompany.get(contact.companyId).nodes.push(contact);
  return companyIds.map((id) => byCompany.get(id));
}
