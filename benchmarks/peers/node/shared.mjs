// What the peers on Node.js share: the schema, the data, and how they start and end.
import { readFileSync } from 'node:fs'
import DataLoader from 'dataloader'
import { GraphQLScalarType } from 'graphql'

export const typeDefs = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
export const data = JSON.parse(readFileSync(process.argv[2], 'utf8'))

// Exact figures and times are held as they are written.
const asWritten = (name) =>
  new GraphQLScalarType({ name, serialize: String, parseValue: String })

const common = {
  Decimal: asWritten('Decimal'),
  DateTime: asWritten('DateTime'),
  Query: { viewer: (_, { name }) => ({ username: name }) },
  Viewer: { portfolios: (viewer) => data.portfolios[viewer.username] },
}

export const positionsOf = async (ids) => ids.map((id) => data.positions[id])
export const quotesOf = async (symbols) => symbols.map((symbol) => data.quotes[symbol])
export const profilesOf = async (symbols) => symbols.map((symbol) => data.profiles[symbol])

// With data loaders, one set for each operation.
export const context = () => ({
  positions: new DataLoader(positionsOf),
  quotes: new DataLoader(quotesOf),
  profiles: new DataLoader(profilesOf),
})

export const resolvers = {
  ...common,
  Portfolio: { positions: (portfolio, _, { positions }) => positions.load(portfolio.id) },
  Position: {
    quote: (position, _, { quotes }) => quotes.load(position.symbol),
    profile: (position, _, { profiles }) => profiles.load(position.symbol),
  },
  Profile: { parent: (profile, _, { profiles }) => profiles.load(profile.parent) },
}

export const withoutRelations = common

export function serving(port) {
  process.stdin.on('end', () => process.exit()).resume()
  console.log(port)
}
