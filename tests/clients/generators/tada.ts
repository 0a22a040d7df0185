// gql.tada: types worked out of the schema by the compiler alone.
import { initGraphQLTada, type ResultOf, type VariablesOf } from "gql.tada";
import type { introspection } from "./tada-schema";

const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { Decimal: string; CurrencyCode: string; Symbol: string; DateTime: string };
}>();

const Quotes = graphql(`
  query Quotes($symbols: [Symbol!]!) {
    instruments(symbols: $symbols) {
      symbol
      quote {
        price
        asOf
      }
    }
  }
`);

export const asked: VariablesOf<typeof Quotes> = { symbols: ["AAPL"] };

export const prices = (answer: ResultOf<typeof Quotes>): (string | undefined)[] =>
  answer.instruments.map((instrument) => instrument?.quote?.price);

// @ts-expect-error: there is no such field, and the compiler knows
export const none = (answer: ResultOf<typeof Quotes>) => answer.instruments[0]?.colour;
