// Apollo Server behind Fastify, with dataloaders for each request; its document store is on by default.
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginCacheControlDisabled } from "@apollo/server/plugin/disabled";
import fastifyApollo, { fastifyApolloDrainPlugin } from "@as-integrations/fastify";
import DataLoader from "dataloader";
import Fastify from "fastify";

import {
  readCompanies,
  readCompaniesById,
  readContact,
  readContactPage,
  readContactsByCompany,
} from "../node/reads.mjs";
import { DateTime, typeDefs } from "../node/schema.mjs";

function loaders() {
  return {
    companies: new DataLoader(readCompaniesById),
    contacts: new DataLoader(
      (keys) =>
        readContactsByCompany(
          keys.map(({ companyId }) => companyId),
          keys[0].first,
        ),
      { cacheKeyFn: ({ companyId, first }) => `${companyId}:${first}` },
    ),
  };
}

const app = Fastify();
const apollo = new ApolloServer({
  typeDefs,
  resolvers: {
    DateTime,
    Query: {
      contacts: (_, { first }) => readContactPage(first),
      contact: (_, { id }) => readContact(id),
      companies: (_, { first }) => readCompanies(first),
    },
    Contact: {
      company: ({ companyId }, _, context) => companyId && context.companies.load(companyId),
    },
    Company: {
      contacts: ({ id }, { first }, context) => context.contacts.load({ companyId: id, first }),
    },
  },
  csrfPrevention: false,
  // Cache hints are not used here, and would be collected for every field.
  plugins: [ApolloServerPluginCacheControlDisabled(), fastifyApolloDrainPlugin(app)],
});
await apollo.start();
await app.register(fastifyApollo(apollo), { context: async () => loaders() });
app.get("/health", async () => "");
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
