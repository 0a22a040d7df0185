// What Relay asks of a schema: refetchable fragments (Node), connections, mutations, subscriptions.
import { graphql } from "relay-runtime";

graphql`
  query relayPortfoliosQuery($id: ID!) {
    node(id: $id) {
      ...relay_portfolio @alias(as: "portfolio")
    }
  }
`;

graphql`
  fragment relay_portfolio on Portfolio
  @refetchable(queryName: "relayPortfolioQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    name
    overview {
      value {
        amount
        currency
      }
    }
    transactions(first: $count, after: $cursor) @connection(key: "portfolio_transactions") {
      edges {
        node {
          id
          occurredAt
          ... on Trade {
            side
            quantity
          }
        }
      }
    }
  }
`;

graphql`
  mutation relayRecordMutation($input: RecordTradeInput!) {
    recordTrade(input: $input) {
      trade {
        id
      }
      userErrors {
        code
        message
      }
    }
  }
`;

graphql`
  subscription relayPricesSubscription($symbols: [Symbol!]!) {
    quoteUpdated(symbols: $symbols) {
      symbol
      price
    }
  }
`;
