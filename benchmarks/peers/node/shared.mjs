// What the peers on Node.js share: the schema, the data, and how they start and end.
import { readFileSync } from 'node:fs'
import DataLoader from 'dataloader'
import { GraphQLScalarType } from 'graphql'

export const typeDefs = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
const data = JSON.parse(readFileSync(process.argv[2], 'utf8'))

// Exact figures and times are held as they are written.
const asWritten = (name) => new GraphQLScalarType({ name, serialize: String, parseValue: String })

const loader = (rows) => new DataLoader(async (keys) => keys.map((key) => rows[key]))

// One set of loaders for each operation.
export const context = () => ({
  positions: loader(data.positions),
  quotes: loader(data.quotes),
  profiles: loader(data.profiles),
})

export const resolvers = {
  Decimal: asWritten('Decimal'),
  DateTime: asWritten('DateTime'),
  Query: { viewer: (_, { name }) => ({ username: name }) },
  Viewer: { portfolios: (viewer) => data.portfolios[viewer.username] },
  Portfolio: { positions: (portfolio, _, { positions }) => positions.load(portfolio.id) },
  Position: {
    quote: (position, _, { quotes }) => quotes.load(position.symbol),
    profile: (position, _, { profiles }) => profiles.load(position.symbol),
  },
  Profile: { parent: (profile, _, { profiles }) => profiles.load(profile.parent) },
}

// The parent process reads the port, and takes its server along when it ends.
export function serving(port) {
  process.stdin.on('end', () => process.exit()).resume()
  console.log(port)
}
