// Mercurius on Fastify with just-in-time compilation and its own loaders.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import {
  positionsOf, profilesOf, quotesOf, serving, typeDefs, withoutRelations,
} from './shared.mjs'

// Without their cache, which would write out each object as a key and find none twice.
const loader = (load, key) => ({
  loader: (queries) => load(queries.map(({ obj }) => obj[key])),
  opts: { cache: false },
})

const app = Fastify()
app.register(mercurius, {
  schema: typeDefs,
  resolvers: withoutRelations,
  loaders: {
    Portfolio: { positions: loader(positionsOf, 'id') },
    Position: { quote: loader(quotesOf, 'symbol'), profile: loader(profilesOf, 'symbol') },
    Profile: { parent: loader(profilesOf, 'parent') },
  },
  jit: 1,
})
await app.listen({ host: '127.0.0.1', port: 0 })
serving(app.server.address().port)
