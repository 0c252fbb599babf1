// What relay-compiler reads: a page of people that goes on, each shown by a fragment of its own.
const { graphql } = require("relay-runtime");

graphql`
  query PeopleQuery($first: Int) {
    viewer {
      id
      role
    }
    ...People_query @arguments(first: $first)
  }
`;

graphql`
  fragment People_query on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 7 }, after: { type: "String" })
  @refetchable(queryName: "PeoplePaginationQuery") {
    contacts(first: $first, after: $after, orderBy: [{ field: NAME }])
      @connection(key: "People_contacts", filters: ["orderBy"]) {
      totalCount
      edges {
        node {
          id
          ...Person_contact
        }
      }
    }
  }
`;

graphql`
  subscription PeopleChangesSubscription {
    contactChanged {
      kind
      ids
    }
  }
`;
