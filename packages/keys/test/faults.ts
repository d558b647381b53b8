import { type Answer, json, text } from './key-server.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

/** Everything an endpoint may do wrong that is no answer, with the result by which it is counted. */
export const FAULTS: readonly (readonly [name: string, answer: Answer, result: string])[] = [
  ['answers 500', text('oops', {}, 500), 'status_refused'],
  ['answers 503 with Retry-After', text('', { 'retry-after': '1' }, 503), 'status_refused'],
  ['answers 404 with a page', text('<html>', { 'content-type': 'text/html' }, 404), 'status_refused'],
  ['answers 200 with a page', text('<html>', { 'content-type': 'text/html' }), 'content_type_refused'],
  ['answers a page that claims to be JSON', text('<html>', JSON_TYPE), 'malformed'],
  ['answers nothing', text('', JSON_TYPE), 'malformed'],
  ['answers null', json(null), 'malformed'],
  ['answers a list', json([]), 'malformed'],
  ['answers an object without keys', json({}), 'malformed'],
  ['answers keys that are no list', json({ keys: {}, agents: {} }), 'malformed'],
  ['redirects', text('', { location: 'http://169.254.169.254/' }, 302), 'redirected'],
  ['redirects to itself', text('', { location: '/agent-keys' }, 307), 'redirected'],
  ['cuts JSON off', text('{"keys":[{"kty":"OKP"', JSON_TYPE), 'malformed'],
  ['nests 10,000 deep', text('{"keys":'.repeat(10_000), JSON_TYPE), 'too_deep'],
  ['sends 64 MB', flood, 'too_large'],
  ['lists 100,000 keys', json({ keys: Array.from({ length: 100_000 }, () => ({})) }), 'too_large'],
  ['breaks off', breakOff, 'connection_failed'],
  ['resets the connection', (request) => void request.socket.resetAndDestroy(), 'connection_failed'],
  ['never answers', () => {}, 'deadline_exceeded'],
  ['sends one byte at a time', trickle, 'deadline_exceeded'],
]

function flood(_request: Parameters<Answer>[0], response: Parameters<Answer>[1]): void {
  response.writeHead(200, JSON_TYPE)
  const block = Buffer.alloc(65_536, 0x20)
  let left = 1_024
  const send = (): void => {
    while (left-- > 0 && response.write(block));
  }
  response.on('drain', send)
  send()
}

function breakOff(request: Parameters<Answer>[0], response: Parameters<Answer>[1]): void {
  response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' })
  response.write('{"keys":', () => request.socket.destroy())
}

function trickle(_request: Parameters<Answer>[0], response: Parameters<Answer>[1]): void {
  response.writeHead(200, JSON_TYPE)
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}
