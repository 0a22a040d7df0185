// What was generated says what the schema says; a wrong type does not compile.
import type { PortfoliosQuery, RecordMutationVariables } from "./codegen/graphql";
import type { Portfolio } from "./codegen/schema";
import type { relay_portfolio$data } from "./relay-generated/relay_portfolio.graphql";

export const names = (answer: PortfoliosQuery): string[] =>
  answer.viewer.portfolios.map((portfolio) => portfolio.name);

export const total = (answer: PortfoliosQuery): number | null | undefined =>
  answer.viewer.portfolios[0]?.transactions.totalCount;

export const currency = (portfolio: Portfolio): string => portfolio.baseCurrency;

export const quantity = (data: relay_portfolio$data): string | undefined =>
  data.transactions.edges[0]?.node.quantity;

export const trade: RecordMutationVariables = {
  input: { portfolioId: "x", symbol: "AAPL", side: "BUY", quantity: "2", price: "190.00", occurredAt: "2024-06-03T15:00:00Z" },
};

// @ts-expect-error: a sale of nothing at no time
export const missing: RecordMutationVariables = { input: { portfolioId: "x", symbol: "AAPL" } };
