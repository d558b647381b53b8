import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { outcomeOf, type Scene } from './scene.ts'

const json = (value: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
})

/** Calls that must pass, and what the handler must have seen. */
export const GOOD_SCENES: readonly Scene[] = [
  {
    backend: 'express',
    title: 'GET with a query, signed by RFC 9421',
    expected: '200',
    play: async ({ shop: [shop], buyer }) =>
      expectBody(await buyer.fetch(`${shop.origin}/orders?page=2`), { agent: 'agt_buyer', page: '2' }),
  },
  {
    backend: 'koa',
    title: 'GET behind a router prefix, signed by RFC 9421',
    expected: '200',
    play: async ({ billing, buyer }) =>
      expectBody(await buyer.fetch(`${billing.origin}/v1/invoices/42`), { agent: 'agt_buyer', invoice: '42' }),
  },
  {
    backend: 'express',
    title: 'POST with JSON, digest over the bytes, parser behind the guard',
    expected: '201',
    play: async ({ shop: [shop], buyer }) =>
      expectBody(await buyer.fetch(`${shop.origin}/orders`, json({ item: 'kettle' })), {
        agent: 'agt_buyer',
        item: 'kettle',
      }),
  },
  {
    backend: 'koa',
    title: 'POST with JSON, digest over the bytes, parser behind the guard',
    expected: '201',
    play: async ({ billing, buyer }) =>
      expectBody(await buyer.fetch(`${billing.origin}/v1/invoices`, json({ amount: 4200 })), {
        agent: 'agt_buyer',
        amount: 4200,
      }),
  },
  {
    backend: 'express',
    title: 'POST in the simple header form',
    expected: '201',
    play: async ({ shop: [shop], buyer }) =>
      expectBody(await buyer.simpleFetch(`${shop.origin}/orders`, json({ item: 'cup' })), {
        agent: 'agt_buyer',
        item: 'cup',
      }),
  },
  {
    backend: 'koa',
    title: 'POST in the simple header form',
    expected: '201',
    play: async ({ billing, buyer }) =>
      expectBody(await buyer.simpleFetch(`${billing.origin}/v1/invoices`, json({ amount: 1 })), {
        agent: 'agt_buyer',
        amount: 1,
      }),
  },
  {
    backend: 'express',
    title: 'gzip: the digest covers the compressed bytes, the handler sees JSON',
    expected: '201',
    play: async ({ shop: [shop], buyer }) => {
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
      const body = gzipSync(JSON.stringify({ item: 'zipped' }))
      return expectBody(await buyer.fetch(`${shop.origin}/orders`, { method: 'POST', headers, body }), {
        agent: 'agt_buyer',
        item: 'zipped',
      })
    },
  },
  {
    backend: 'express',
    title: 'multipart upload, parsed by multer',
    expected: '201',
    play: async ({ shop: [shop], buyer }) => {
      const form = new FormData()
      form.set('file', new Blob([new Uint8Array(50_000)]), 'scan.pdf')
      return expectBody(await buyer.fetch(`${shop.origin}/documents`, { method: 'POST', body: form }), {
        agent: 'agt_buyer',
        bytes: 50_000,
      })
    },
  },
  {
    backend: 'express',
    title: 'a body of 3 MB',
    expected: '201',
    play: async ({ shop: [shop], buyer }) => {
      const headers = { 'Content-Type': 'application/octet-stream' }
      const body = new Uint8Array(3_000_000)
      return expectBody(await buyer.fetch(`${shop.origin}/uploads`, { method: 'POST', headers, body }), {
        agent: 'agt_buyer',
        bytes: 3_000_000,
      })
    },
  },
  {
    backend: 'express',
    title: 'a streamed body',
    expected: '201',
    play: async ({ shop: [shop], buyer }) => {
      const body = new Blob(['one ', 'two ', 'three']).stream()
      const headers = { 'Content-Type': 'text/plain' }
      return expectBody(
        await buyer.fetch(`${shop.origin}/uploads`, { method: 'POST', headers, body, duplex: 'half' } as RequestInit),
        { agent: 'agt_buyer', bytes: 13 },
      )
    },
  },
  {
    backend: 'koa',
    title: 'the response is signed too, and bound to the request',
    expected: '200',
    play: async ({ billing, buyer }) => outcomeOf(await buyer.strictFetch(`${billing.origin}/v1/invoices/7`)),
  },
  {
    backend: 'both',
    title: 'health checks are open by name, to everybody',
    expected: '200',
    play: async ({ shop: [shop], billing }) => {
      const [first, second] = await Promise.all([fetch(`${shop.origin}/healthz`), fetch(`${billing.origin}/healthz`)])
      return first.ok ? outcomeOf(second) : outcomeOf(first)
    },
  },
]

async function expectBody(response: Response, expected: Readonly<Record<string, unknown>>): Promise<string> {
  if (!response.ok) return outcomeOf(response)
  assert.deepEqual(await response.json(), expected)
  return String(response.status)
}
