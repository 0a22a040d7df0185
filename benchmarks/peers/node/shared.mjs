// What the peers on Node.js share: the schema, the data from memory or PostgreSQL, and how they start and end.
import { readFileSync } from 'node:fs'
import DataLoader from 'dataloader'
import { GraphQLScalarType } from 'graphql'
import pg from 'pg'

export const typeDefs = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
// Exact figures and times are held as they are written.
const asWritten = (name) => new GraphQLScalarType({ name, serialize: String, parseValue: String })

const money = (row, name) => ({ amount: row[name], currency: row.currency })
const portfolio = (row) => ({ id: row.id, name: row.name, baseCurrency: row.base_currency })
const position = (row) => ({
  id: row.id,
  symbol: row.symbol,
  quantity: row.quantity,
  averageCost: money(row, 'average_cost'),
  costBasis: money(row, 'cost_basis'),
  marketValue: money(row, 'market_value'),
  unrealizedGain: money(row, 'unrealized_gain'),
})
const quote = (row) => ({
  symbol: row.symbol,
  price: row.price,
  currency: row.currency,
  change: row.change,
  changeRatio: row.change_ratio,
  previousClose: row.previous_close,
  volume: row.volume,
  asOf: row.as_of,
  source: row.source,
  quality: row.quality,
})

// The rows of each key, in the order of the keys: from memory, or by one statement.
function fromMemory() {
  const data = JSON.parse(readFileSync(process.argv[2], 'utf8'))
  const table = (rows) => async (keys) => keys.map((key) => rows[key])
  return {
    portfolios: table(data.portfolios),
    positions: table(data.positions),
    quotes: table(data.quotes),
    profiles: table(data.profiles),
  }
}

function fromDatabase(connectionString) {
  pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) =>
    text.replace(' ', 'T').replace('+00', 'Z'),
  )
  const pool = new pg.Pool({ connectionString, max: 8, options: '-c timezone=UTC' })
  const table = (name, statement, key, build) => async (keys) => {
    const { rows } = await pool.query({ name, text: statement, values: [keys] })
    const found = new Map(keys.map((one) => [one, []]))
    for (const row of rows) found.get(row[key]).push(build(row))
    return keys.map((one) => found.get(one))
  }
  const one = (load) => async (keys) => (await load(keys)).map(([row]) => row)
  const from = (name, key, build, order = '') =>
    table(name, `SELECT * FROM ${name} WHERE ${key} = ANY($1)${order}`, key, build)
  return {
    portfolios: from('portfolios', 'owner', portfolio, ' ORDER BY place'),
    positions: from('positions', 'portfolio_id', position, ' ORDER BY place'),
    quotes: one(from('quotes', 'symbol', quote)),
    profiles: one(from('profiles', 'symbol', (row) => row)),
  }
}

const database = process.env.PEER_DATABASE_URL
const load = database ? fromDatabase(database) : fromMemory()

// One set of loaders for each operation.
export const context = () => ({
  positions: new DataLoader(load.positions),
  quotes: new DataLoader(load.quotes),
  profiles: new DataLoader(load.profiles),
})

export const resolvers = {
  Decimal: asWritten('Decimal'),
  DateTime: asWritten('DateTime'),
  Query: { viewer: (_, { name }) => ({ username: name }) },
  Viewer: { portfolios: async (viewer) => (await load.portfolios([viewer.username]))[0] },
  Portfolio: { positions: (portfolio, _, { positions }) => positions.load(portfolio.id) },
  Position: {
    quote: (position, _, { quotes }) => quotes.load(position.symbol),
    profile: (position, _, { profiles }) => profiles.load(position.symbol),
  },
  Profile: { parent: (profile, _, { profiles }) => profiles.load(profile.parent) },
}

export { serving } from './serving.mjs'
