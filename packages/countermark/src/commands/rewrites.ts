import { gunzipSync } from 'node:zlib'
import { fieldOf, type SavedRequest, withField } from './saved-request.ts'

/** What something between agent and backend may have done to a request, undone. */
export interface Rewrite {
  /** Which part of the request it touches: two rewrites of one part exclude each other. */
  readonly part: 'host' | 'target' | 'content-type' | 'content'
  /** One sentence: what was done. */
  readonly done: string
  readonly fix: string
  readonly request: SavedRequest
  /** Where the agent believed to call, when that is what changed. */
  readonly origin?: string
}

type FindRewrites = (request: SavedRequest, origin: string) => readonly Rewrite[]

const REWRITES: readonly FindRewrites[] = [
  otherAuthorities,
  otherSchemes,
  otherTargets,
  otherContentTypes,
  otherContents,
]
const MAX_GUNZIPPED_BYTES = 16_777_216

/** The requests that this one may have been before it was changed on its way. */
export function findRewrites(request: SavedRequest, origin: string): readonly Rewrite[] {
  return REWRITES.flatMap((find) => find(request, origin))
}

function otherAuthorities(request: SavedRequest, origin: string): readonly Rewrite[] {
  const { protocol, host, hostname } = new URL(origin)
  const forwarded = /host="?([^;",]+)/i.exec(fieldOf(request, 'forwarded') ?? '')?.[1]
  const candidates = [
    fieldOf(request, 'x-forwarded-host'),
    forwarded,
    fieldOf(request, 'x-original-host'),
    fieldOf(request, 'host'),
    hostname,
    ...['3000', '8000', '8080', '8443'].map((port) => `${hostname}:${port}`),
  ]
  const others = new Set(candidates.filter((name) => name !== undefined && name !== '' && name !== host))
  return [
    ...hostOnTheWay(request, host),
    ...[...others].flatMap((name = '') => otherAuthority(request, `${protocol}//${name}`, host)),
  ]
}

/** Host says something else than where agents call: a proxy has put its own upstream there. */
function hostOnTheWay(request: SavedRequest, host: string): readonly Rewrite[] {
  const received = fieldOf(request, 'host')
  if (received === undefined || received === host) return []
  return [
    {
      part: 'host',
      done: `Host was changed on the way: the agent called ${host}, ${received} arrived`,
      fix: 'pass Host on as it came (nginx: proxy_set_header Host $http_host)',
      request: withField(request, 'Host', host),
    },
  ]
}

function otherAuthority(request: SavedRequest, origin: string, host: string): readonly Rewrite[] {
  if (!URL.canParse(origin)) return []
  const name = new URL(origin).host
  return [
    {
      part: 'host',
      done: `the agent called ${name}, the guard knows this service as ${host}`,
      fix: `pass Host on as it came (nginx: proxy_set_header Host $http_host), and list ${name} in origins`,
      request: withField(request, 'Host', name),
      origin,
    },
  ]
}

function otherSchemes(request: SavedRequest, origin: string): readonly Rewrite[] {
  const { protocol, host } = new URL(origin)
  const scheme = protocol === 'https:' ? 'http' : 'https'
  const done = `the agent called by ${scheme}, the guard believes ${protocol.slice(0, -1)}`
  const fix = `write the scheme in origins: ${scheme}://${host}`
  return [{ part: 'host', done, fix, request, origin: `${scheme}://${host}` }]
}

function otherTargets(request: SavedRequest): readonly Rewrite[] {
  const { target } = request
  const [path = '', query] = target.split('?', 2)
  const suffix = query === undefined ? '' : `?${query}`
  const prefix = fieldOf(request, 'x-forwarded-prefix')
  const original =
    fieldOf(request, 'x-original-uri') ?? fieldOf(request, 'x-original-url') ?? fieldOf(request, 'x-forwarded-uri')
  const segments = path.split('/').slice(1)
  const candidates: readonly (readonly [target: string | undefined, done: string])[] = [
    [original, 'a proxy wrote the target anew'],
    [prefix === undefined ? undefined : prefix + target, `a proxy took ${prefix} off the path`],
    [
      segments.length > 1 ? `/${segments.slice(1).join('/')}${suffix}` : undefined,
      `/${segments[0]} was put in front of the path`,
    ],
    ...['/api', '/v1', '/prod', '/stage'].map((each) => [each + target, `a proxy took ${each} off the path`] as const),
    [(path.endsWith('/') ? path.slice(0, -1) : `${path}/`) + suffix, 'a slash at the end of the path came or went'],
    [path.replace(/\/{2,}/g, '/') + suffix, 'doubled slashes were put into the path'],
    [decoded(path) + suffix, 'the path was percent-encoded anew'],
    [path.replaceAll('%20', '+') + suffix.replaceAll('%20', '+'), 'plus signs became %20'],
    [path + suffix.replaceAll('+', '%20'), '%20 became plus signs'],
    [query === undefined ? undefined : path, 'a query was added'],
  ]
  const seen = new Set([target])
  return candidates.flatMap(([candidate, done]) => {
    if (candidate === undefined || !candidate.startsWith('/') || /[\s#]/.test(candidate) || seen.has(candidate))
      return []
    seen.add(candidate)
    const fix =
      'let the target arrive as it was sent (nginx: proxy_pass without a path), or name the prefix: strippedPrefix'
    return {
      part: 'target',
      done: `${done}: the agent signed ${candidate}`,
      fix,
      request: { ...request, target: candidate },
    }
  })
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function otherContentTypes(request: SavedRequest): readonly Rewrite[] {
  const type = fieldOf(request, 'content-type')
  if (type === undefined) return []
  const bare = type.split(';', 1)[0]?.trim() ?? type
  const others = [bare, `${bare}; charset=utf-8`, `${bare};charset=utf-8`, `${bare};charset=UTF-8`].filter(
    (other) => other !== type,
  )
  return others.map((other) => ({
    part: 'content-type',
    done: `Content-Type was changed: the agent signed ${other}`,
    fix: 'set Content-Type before signing, and let nothing complete it afterwards',
    request: withField(request, 'Content-Type', other),
  }))
}

function otherContents(request: SavedRequest): readonly Rewrite[] {
  const { body } = request
  const text = body.toString('utf8')
  const candidates: readonly (readonly [content: Buffer | undefined, done: string])[] = [
    [Buffer.from(text.replace(/\r?\n$/, '')), 'a line end was added behind the content'],
    [Buffer.concat([body, Buffer.from('\n')]), 'a line end behind the content was taken off'],
    [Buffer.from(text.replaceAll('\r\n', '\n')), 'line ends became CRLF'],
    [
      rewritten(text, (value) => JSON.stringify(value)),
      'the JSON was written anew: the agent signed it without spaces',
    ],
    [
      rewritten(text, (value) => JSON.stringify(value, undefined, 2)),
      'the JSON was written anew: the agent signed it with line ends',
    ],
    [unzipped(body), 'the content was compressed on its way'],
    [Buffer.alloc(0), 'content was added'],
  ]
  return candidates.flatMap(([content, done]) => {
    if (content === undefined || content.equals(body)) return []
    const fix = 'sign the bytes that are sent, and let nothing between agent and backend write the content anew'
    return { part: 'content', done, fix, request: { ...request, body: content } }
  })
}

function rewritten(text: string, write: (value: unknown) => string): Buffer | undefined {
  try {
    return Buffer.from(write(JSON.parse(text)), 'utf8')
  } catch {
    return undefined
  }
}

function unzipped(body: Buffer): Buffer | undefined {
  try {
    return gunzipSync(body, { maxOutputLength: MAX_GUNZIPPED_BYTES })
  } catch {
    return undefined
  }
}
