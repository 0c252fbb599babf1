// One person: a fragment that is read again by its id, and the mutations of its list.
const { graphql } = require("relay-runtime");

graphql`
  fragment Person_contact on Contact @refetchable(queryName: "PersonRefetchQuery") {
    firstName
    title
    version
    company {
      name
      contacts(first: 1) {
        totalCount
      }
    }
  }
`;

graphql`
  mutation PersonCreateMutation($input: CreateContactInput!, $connections: [ID!]!) {
    createContact(input: $input) {
      contact @appendNode(connections: $connections, edgeTypeName: "ContactEdge") {
        id
        ...Person_contact
      }
      userErrors {
        __typename
        code
        message
        path
        ... on DuplicateError {
          existing {
            id
          }
        }
      }
    }
  }
`;

graphql`
  mutation PersonDeleteMutation($input: DeleteContactInput!, $connections: [ID!]!) {
    deleteContact(input: $input) {
      contact {
        id @deleteEdge(connections: $connections)
      }
      userErrors {
        code
      }
    }
  }
`;
