// The part of Appointment360's schema that the operations need, for Apollo and Mercurius.
import { GraphQLScalarType } from "graphql";

export const typeDefs = `
  scalar DateTime

  type Query {
    contacts(first: Int!): ContactConnection!
    contact(id: ID!): Contact
    companies(first: Int!): CompanyConnection!
  }

  type Contact {
    id: ID!
    fullName: String
    title: String
    email: String
    emailStatus: String
    createdAt: DateTime!
    company: Company
  }

  type Company {
    id: ID!
    name: String
    industries: [String!]!
    domain: String
    employeesCount: Int
    contacts(first: Int!): ContactConnection!
  }

  type ContactConnection {
    edges: [ContactEdge!]!
    nodes: [Contact!]!
    pageInfo: PageInfo!
  }

  type ContactEdge {
    cursor: String!
    node: Contact!
  }

  type CompanyConnection {
    nodes: [Company!]!
  }

  type PageInfo {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }
`;

// PostgreSQL writes 2026-05-31 12:34:56.123456+00.
export const DateTime = new GraphQLScalarType({
  name: "DateTime",
  serialize: (text) => `${text.slice(0, 10)}T${text.slice(11, -3)}Z`,
});
