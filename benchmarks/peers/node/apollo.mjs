// Apollo Server with the HTTP server that comes with it.
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { context, resolvers, serving, typeDefs } from './shared.mjs'

const server = new ApolloServer({ typeDefs, resolvers })
const { url } = await startStandaloneServer(server, {
  context: async () => context(),
  listen: { host: '127.0.0.1', port: 0 },
})
serving(new URL(url).port)
