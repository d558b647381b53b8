import type { RequestListener } from 'node:http'
import { createTestAgent, rawRequest, type StartedServer, sendRaw, startServer } from '@countermark/testing'

let server: StartedServer

const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    response.setHeader('Echo', 'yes')
    response.write(JSON.stringify({ method: request.method, url: request.url, raw: request.rawHeaders }))
    response.end(Buffer.concat(chunks))
  })
}

beforeAll(async () => {
  server = await startServer(echo)
})

afterAll(() => server.close())

describe('sendRaw', () => {
  it('sends what an HTTP client would forbid', async () => {
    const { text } = await sendRaw(server.port, 'GET http://evil.example/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
    expect(JSON.parse(text)).toEqual({ method: 'GET', url: 'http://evil.example/x', raw: ['Host', 'a', 'Host', 'b'] })
  })

  it('reads a response without a body', async () => {
    const response = await sendRaw(server.port, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect([response.status, response.header('ECHO'), response.text]).toEqual([200, 'yes', ''])
  })

  it('reads the refusal of a request that ends early', async () => {
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc'
    const response = await sendRaw(server.port, head, { afterwards: 'end' })
    expect(response.status).toBe(400)
  })

  it('says how much came when the connection ends without a response', async () => {
    const sent = sendRaw(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n', { afterwards: 'destroy' })
    await expect(sent).rejects.toThrow('the connection ended after 0 bytes')
  })
})

describe('rawRequest', () => {
  it('writes a signed request byte for byte', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const signed = await agent.signRequest({ target: '/a//b?x#y', body: 'hello' })
    const { text } = await sendRaw(server.port, rawRequest(signed))
    expect(text).toContain('"url":"/a//b?x#y"')
    expect(text).toMatch(/"Content-Length","5","Connection","close"\]}hello$/)
  })

  it('leaves framing alone that the test states', () => {
    const bytes = rawRequest({
      method: 'POST',
      target: '*',
      headerLines: [['Transfer-Encoding', 'chunked']],
      body: Buffer.from('0\r\n\r\n'),
      version: 'HTTP/1.0',
    })
    expect(bytes.toString()).toBe('POST * HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n')
  })
})
