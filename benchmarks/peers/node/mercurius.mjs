// Mercurius on Fastify with just-in-time compilation. With data loaders like the others: it answers
// more than twice as fast so as by its own loaders.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { context, resolvers, serving, typeDefs } from './shared.mjs'

const app = Fastify()
app.register(mercurius, { schema: typeDefs, resolvers, context, jit: 1 })
await app.listen({ host: '127.0.0.1', port: 0 })
serving(app.server.address().port)
