import type { HeaderField } from '@countermark/core'
import { rawRequest, sendRaw } from '../servers/send-raw.ts'
import { startServer } from '../servers/start-server.ts'
import { sentWith } from './fixtures.ts'
import { AUTHORITY, codesOf, outcomeOf, problemOf, type StartGuardedApp } from './guarded-app.ts'

const HOST = `Host: ${AUTHORITY}\r\n`
const END = 'Connection: close\r\n\r\n'

/** What no HTTP client would send: the guard's answer, or that of Node's parser before it (code undefined). */
const REQUESTS: readonly (readonly [name: string, bytes: string, status: number, code: string | undefined])[] = [
  ['two Host lines', `GET / HTTP/1.1\r\n${HOST}Host: evil.example\r\n${END}`, 400, 'request_malformed'],
  ['two Host lines that agree', `GET / HTTP/1.1\r\n${HOST}${HOST}${END}`, 400, 'request_malformed'],
  ['Host in capitals', `GET / HTTP/1.1\r\nHOST: API.EXAMPLE.COM\r\n${END}`, 401, 'credentials_missing'],
  ['Host with the default port', `GET / HTTP/1.1\r\nHost: ${AUTHORITY}:443\r\n${END}`, 401, 'credentials_missing'],
  ['Host with another port', `GET / HTTP/1.1\r\nHost: ${AUTHORITY}:444\r\n${END}`, 400, 'authority_mismatch'],
  ['Host with user information', `GET / HTTP/1.1\r\nHost: x@${AUTHORITY}\r\n${END}`, 400, 'authority_mismatch'],
  ['an empty Host', `GET / HTTP/1.1\r\nHost:\r\n${END}`, 400, 'authority_mismatch'],
  ['HTTP/1.1 without Host', `GET / HTTP/1.1\r\n${END}`, 400, undefined],
  ['HTTP/1.0 without Host', `GET / HTTP/1.0\r\n${END}`, 400, 'request_malformed'],
  ['HTTP/1.0 with Host', `GET / HTTP/1.0\r\n${HOST}${END}`, 401, 'credentials_missing'],
  ['an absolute target', `GET https://${AUTHORITY}/ HTTP/1.1\r\n${HOST}${END}`, 400, 'request_malformed'],
  ['an absolute target elsewhere', `GET http://evil.example/ HTTP/1.1\r\n${HOST}${END}`, 400, 'request_malformed'],
  ['a target without a slash', `GET orders HTTP/1.1\r\n${HOST}${END}`, 400, undefined],
  ['two slashes', `GET //evil.example/ HTTP/1.1\r\n${HOST}${END}`, 400, 'request_malformed'],
  ['a fragment', `GET /a#b HTTP/1.1\r\n${HOST}${END}`, 400, 'request_malformed'],
  ['a backslash', `GET /\\evil.example HTTP/1.1\r\n${HOST}${END}`, 400, 'request_malformed'],
  ['a backslash further on', `GET /a\\b HTTP/1.1\r\n${HOST}${END}`, 400, 'request_malformed'],
  ['a control character', `GET /a\x01b HTTP/1.1\r\n${HOST}${END}`, 400, undefined],
  ['a byte above ASCII', `GET /caf\xe9 HTTP/1.1\r\n${HOST}${END}`, 400, undefined],
  ['a space', `GET /a b HTTP/1.1\r\n${HOST}${END}`, 400, undefined],
  ['a backslash in the query', `GET /a?b=\\c HTTP/1.1\r\n${HOST}${END}`, 401, 'credentials_missing'],
  ['an asterisk', `GET * HTTP/1.1\r\n${HOST}${END}`, 400, 'request_malformed'],
  ['an asterisk with OPTIONS', `OPTIONS * HTTP/1.1\r\n${HOST}${END}`, 401, 'credentials_missing'],
  ['201 header fields', `GET / HTTP/1.1\r\n${HOST}${fillers(199)}${END}`, 431, 'headers_too_large'],
  ['a field of 20 kB', `GET / HTTP/1.1\r\n${HOST}X-Large: ${'x'.repeat(20_000)}\r\n${END}`, 431, undefined],
  ['length and chunks', framed('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400, undefined],
  ['chunks and length', framed('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'), 400, undefined],
  ['two lengths', framed('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'), 400, undefined],
  ['two lengths that agree', framed('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'), 400, undefined],
  ['a length with a sign', framed('Content-Length: +5\r\n', 'hello'), 400, undefined],
  ['lines that end with a bare LF', `GET / HTTP/1.1\nHost: ${AUTHORITY}\nConnection: close\n\n`, 400, undefined],
  ['a folded field', `GET / HTTP/1.1\r\n${HOST}X-Folded: a\r\n b\r\n${END}`, 400, undefined],
  ['a space before the colon', `GET / HTTP/1.1\r\n${HOST}Agent-ID : x\r\n${END}`, 400, undefined],
  ['a field called __proto__', `GET / HTTP/1.1\r\n${HOST}__proto__: x\r\n${END}`, 401, 'credentials_missing'],
  ['a field called constructor', `GET / HTTP/1.1\r\n${HOST}constructor: x\r\n${END}`, 401, 'credentials_missing'],
  ['a pseudo-header field', `GET / HTTP/1.1\r\n${HOST}:authority: x\r\n${END}`, 400, undefined],
  ['an unknown method', `HACK / HTTP/1.1\r\n${HOST}${END}`, 400, undefined],
  ['a method in lower case', `get / HTTP/1.1\r\n${HOST}${END}`, 400, undefined],
]

/** More fields than Node counts: some versions hand on those they counted, others answer 431 by themselves. */
const TOO_MANY: readonly (readonly [name: string, bytes: string])[] = [
  ['1,001 header fields', `GET / HTTP/1.1\r\n${HOST}${fillers(999)}${END}`],
  ['1,001 header fields, Host last', `GET / HTTP/1.1\r\n${fillers(1000)}${HOST}\r\n`],
]

const DOUBLED = [
  'Agent-ID',
  'Authorization',
  'Timestamp',
  'Nonce',
  'Key-ID',
  'DPoP',
  'Agent-Auth-Version',
  'Content-Type',
]
const ALIASES = ['Agent_ID', 'agent_id', 'Signature_Input', 'Content_Digest', 'Agent_Auth-Version', 'X_Forwarded_For']

/** Requests as attackers write them. */
export function describeRawRequests<Middleware>(start: StartGuardedApp<Middleware>): void {
  describe('raw bytes', () => {
    it.each(REQUESTS)('%s', async (_name, bytes, status, code) => {
      const app = await start()
      const response = await sendRaw(app.port, bytes)
      expect([response.status, app.runs.length]).toEqual([status, 0])
      expect(code === undefined ? undefined : problemOf(response)['code']).toBe(code)
      expect(codesOf(app)).toEqual(code === undefined ? [] : [code])
    })

    it.each(TOO_MANY)('%s', async (_name, bytes) => {
      const [app, byNode] = [await start(), await statusOfNode(bytes)]
      const response = await sendRaw(app.port, bytes)
      const isHandedOn = byNode === 200
      expect([response.status, app.runs.length]).toEqual([isHandedOn ? 431 : byNode, 0])
      expect([400, 431]).toContain(response.status)
      expect(codesOf(app)).toEqual(isHandedOn ? ['headers_too_large'] : [])
    })

    // Node hands the request on and only then finds the framing wrong: either may answer first.
    it('an unknown transfer coding', async () => {
      const app = await start()
      const response = await sendRaw(app.port, framed('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'))
      expect([[400, 401].includes(response.status), app.runs.length]).toEqual([true, 0])
    })

    it.each(DOUBLED)('%s twice, on a request that is signed well', async (name) => {
      const app = await start()
      const line: HeaderField = [name, 'twice']
      const response = await app.send({ tamper: sentWith([line, line]) })
      expect([outcomeOf(response), app.runs.length]).toEqual(['400 request_malformed', 0])
    })

    it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])(
      '%s, which the simple form cannot cover',
      async (name) => {
        const app = await start()
        const tamper = sentWith([[name, 'DELETE']])
        const response = await app.send({ form: 'simple-v1', method: 'POST', body: '{}', tamper })
        expect([outcomeOf(response), app.runs.length]).toEqual(['401 coverage_insufficient', 0])
      },
    )

    it.each(ALIASES)('%s, which a parser may take for the field with a hyphen', async (name) => {
      const app = await start()
      const response = await app.send({ tamper: sentWith([[name, 'agt_admin']]) })
      expect([outcomeOf(response), app.runs.length]).toEqual(['400 request_malformed', 0])
    })

    it('a request signed for another host, sent here in absolute form', async () => {
      const app = await start()
      const signed = await app.agent.signRequest({ authority: 'evil.example', target: '/orders' })
      const headerLines = signed.headerLines.map(
        ([name, value]) => [name, name === 'Host' ? AUTHORITY : value] as const,
      )
      const target = 'https://evil.example/orders'
      const response = await sendRaw(app.port, rawRequest({ ...signed, target, headerLines }))
      expect([outcomeOf(response), app.runs.length]).toEqual(['400 request_malformed', 0])
    })

    it('a request that is signed well, its signature behind 1,000 fields', async () => {
      const app = await start()
      const padding = Array.from({ length: 1000 }, (_, index) => [`x-${index}`, ''] as const)
      const response = await app.send({
        tamper: { headerLines: ([host, ...lines]) => [host ?? ['Host', AUTHORITY], ...padding, ...lines] },
      })
      expect([response.status, app.runs.length]).toEqual([431, 0])
    })
  })
}

/** What a server without any guard answers. */
async function statusOfNode(bytes: string): Promise<number> {
  const { port, close } = await startServer((_req, res) => void res.end())
  const { status } = await sendRaw(port, bytes)
  await close()
  return status
}

function fillers(count: number): string {
  return Array.from({ length: count }, (_, index) => `X${index}: x\r\n`).join('')
}

function framed(fields: string, body: string): string {
  return `POST / HTTP/1.1\r\n${HOST}${fields}${END}${body}`
}
