import type { AgentRequest } from '@countermark/core'
import { answerIntrospection } from '../introspection/introspection.ts'
import { metadataOf } from '../metadata/metadata.ts'
import { answerRevocation } from '../revocation/revocation-endpoint.ts'
import { answerStatusList } from '../status-list/status-list.ts'
import type { TokenSettings } from '../token-settings.ts'
import { type Answer, publicJson } from './answer.ts'
import { answerToken } from './token-endpoint.ts'

type Answering = (request: AgentRequest, settings: TokenSettings) => Answer | Promise<Answer>

const KEYS_MAX_AGE_SECONDS = 300
const METADATA_MAX_AGE_SECONDS = 300
const ENDPOINTS: ReadonlyMap<string, Answering> = new Map<string, Answering>([
  ['POST /token', answerToken],
  ['POST /introspect', answerIntrospection],
  ['POST /revoke', answerRevocation],
  [
    'GET /jwks.json',
    async (_request, { keys }) => publicJson({ keys: await keys.listPublicKeys() }, KEYS_MAX_AGE_SECONDS),
  ],
])
const METADATA = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']
const STATUS = /^\/status\/([1-9][0-9]{0,8})$/

/** Finds what answers a request; `undefined` when it is for somewhere else. */
export type FindAnswer = (request: AgentRequest) => (() => Promise<Answer>) | undefined

/**
 * Makes the routes of this room. Paths are those below the issuer's; its metadata is also where RFC 8414 section 3.1 puts it: in
 * front of the path.
 */
export function createTokenRoutes(settings: TokenSettings): FindAnswer {
  const base = new URL(settings.issuer).pathname.replace(/\/$/, '')
  const metadataPaths = new Set(METADATA.flatMap((path) => [`${base}${path}`, `${path}${base}`]))
  const metadata = metadataOf(settings)
  return (request) => {
    const { path } = request
    const method = request.method === 'HEAD' ? 'GET' : request.method
    if (method === 'GET' && metadataPaths.has(path)) return async () => publicJson(metadata, METADATA_MAX_AGE_SECONDS)
    if (!path.startsWith(`${base}/`)) return undefined
    const own = path.slice(base.length)
    const [, listId] = STATUS.exec(own) ?? []
    if (method === 'GET' && listId !== undefined) return () => answerStatusList(Number(listId), settings)
    const answer = ENDPOINTS.get(`${method} ${own}`)
    return answer && (async () => answer(request, settings))
  }
}
