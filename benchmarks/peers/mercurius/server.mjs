// Mercurius as its documentation has it fastest: documents compiled by graphql-jit, loaders.
import Fastify from "fastify";
import mercurius from "mercurius";

import {
  readCompanies,
  readCompaniesById,
  readContact,
  readContactPage,
  readContactsByCompany,
} from "../node/reads.mjs";
import { DateTime, typeDefs } from "../node/schema.mjs";

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: {
    DateTime,
    Query: {
      contacts: (_, { first }) => readContactPage(first),
      contact: (_, { id }) => readContact(id),
      companies: (_, { first }) => readCompanies(first),
    },
  },
  loaders: {
    Contact: {
      company: (queries) => readCompaniesById(queries.map(({ obj }) => obj.companyId)),
    },
    Company: {
      contacts: (queries) =>
        readContactsByCompany(
          queries.map(({ obj }) => obj.id),
          queries[0].params.first,
        ),
    },
  },
  jit: 1,
});
app.get("/health", async () => "");
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
