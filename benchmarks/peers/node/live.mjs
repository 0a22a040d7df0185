// Subscriptions by graphql-ws on the sockets of ws, with a queue for each subscriber.
import { createServer } from 'node:http'
import { buildSchema } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { serving } from './serving.mjs'

const schema = buildSchema(`
  scalar Symbol
  scalar Decimal
  scalar DateTime
  enum QuoteQuality { SIMULATED }
  type Quote { symbol: Symbol! price: Decimal! receivedAt: DateTime! quality: QuoteQuality! }
  type Query { hello: String }
  type Subscription { quoteUpdated(symbols: [Symbol!]!): Quote! }
`)

const queues = new Map()

// What comes while nobody reads waits, as it does in plain Strawberry.
class Queue {
  waiting = []
  wake = null
  push(value) {
    if (this.wake) this.wake(value)
    else this.waiting.push(value)
    this.wake = null
  }
  next() {
    if (this.waiting.length) return this.waiting.shift()
    return new Promise((resolve) => (this.wake = resolve))
  }
}

async function* follow(symbols) {
  const queue = new Queue()
  for (const symbol of symbols) {
    if (!queues.has(symbol)) queues.set(symbol, new Set())
    queues.get(symbol).add(queue)
  }
  try {
    while (true) yield { quoteUpdated: await queue.next() }
  } finally {
    for (const symbol of symbols) queues.get(symbol).delete(queue)
  }
}
schema.getSubscriptionType().getFields().quoteUpdated.subscribe = (_, { symbols }) => follow(symbols)

let number = 0
setInterval(() => {
  const price = (100 + (number++ % 10000) / 10000).toFixed(4)
  // With microseconds, which Date has not.
  const now = performance.timeOrigin + performance.now()
  const micro = String(Math.floor((now % 1) * 1000)).padStart(3, '0')
  const receivedAt = new Date(now).toISOString().replace('Z', micro + 'Z')
  for (const [symbol, listening] of queues) {
    const quote = { symbol, price, receivedAt, quality: 'SIMULATED' }
    for (const queue of listening) queue.push(quote)
  }
}, 1000 / Number(process.env.LIVE_RATE))

const server = createServer()
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }))
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => serving(server.address().port))
