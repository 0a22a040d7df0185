// GraphQL Yoga on Node.js' own HTTP server.
import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { context, resolvers, serving, typeDefs } from './shared.mjs'

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), context, logging: false })
const server = createServer(yoga)
server.listen(0, '127.0.0.1', () => serving(server.address().port))
