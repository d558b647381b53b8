import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { auditTrail, fileSink } from '@countermark/audit'
import { createAgentFetch } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { createTempFolder, createTestAgent, startServer, type TestAgent } from '@countermark/testing'

/** An answer of the authority. */
export interface AuthorityAnswer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: scenes read what they expect
  readonly body: any
}

/** A real authority, on SQLite, with one administrator. */
export interface DemoAuthority {
  readonly url: string
  /** With it backends follow what is stopped. */
  readonly doorToken: string
  /** Sends a signed request as the administrator, or as an agent; a body that is a form goes as one. */
  readonly ask: (method: string, path: string, body?: object, by?: TestAgent) => Promise<AuthorityAnswer>
  /** Registers an agent of jane's, and lets it enrol its key by the code that she was given. */
  readonly enrol: (agentId: string, scopes: readonly string[], constraints?: object) => Promise<TestAgent>
  readonly close: () => Promise<void>
}

/** Whose users the authority believes, and whom its tokens are for. */
export interface DemoAuthorityOptions {
  readonly userIssuer: string
  readonly audiences: readonly string[]
}

/** One that listens already, and answers with 503 until it is ready. */
export interface OpenedAuthority extends Pick<DemoAuthority, 'url' | 'doorToken'> {
  readonly whenReady: Promise<DemoAuthority>
}

/** Opens one on a free port, with a tenant and a person. Backends start meanwhile: their links try again by themselves. */
export async function openDemoAuthority({ userIssuer, audiences }: DemoAuthorityOptions): Promise<OpenedAuthority> {
  const doorToken = randomBytes(24).toString('base64url')
  let handle: RequestListener = (_request, response) => void response.writeHead(503).end()
  const { origin: url, close } = await startServer((request, response) => handle(request, response))
  const whenReady = createDemoAuthority({ url, close, doorToken, userIssuer, audiences }, (ready) => {
    handle = ready
  })
  return { url, doorToken, whenReady }
}

interface Place extends DemoAuthorityOptions, Pick<DemoAuthority, 'url' | 'doorToken' | 'close'> {}

async function createDemoAuthority(
  { url, close, doorToken, userIssuer, audiences }: Place,
  listen: (handle: RequestListener) => void,
): Promise<DemoAuthority> {
  const { createAuthority } = await import('@countermark/authority')
  const folder = await createTempFolder()
  const trail = auditTrail({ sinks: [fileSink({ path: `${folder.path}/audit.ndjson` })] })
  const admin = await createTestAgent({ agentId: 'agt_ops' })
  const http = { allowHttp: true, allowPrivateAddresses: true, ports: 'any' } as const
  const authority = createAuthority({
    ...{ origins: [url], storage: `file:${folder.path}/authority.db`, trail, doorTokens: [doorToken] },
    encryptionKeys: { v1: randomBytes(32).toString('base64') },
    administrators: ['agent:agt_ops'],
    keys: staticKeys([{ agentId: 'agt_ops', key: admin.publicJwk }]),
    replayStore: memoryReplayStore({ startedAt: 0, allowSingleProcess: true }),
    tokens: {
      ...{ issuer: url, services: audiences.map((audience) => ({ audience })) },
      trustedIssuers: { users: [{ issuer: userIssuer, http, mayAct: 'any-agent' }] },
    },
  })
  await authority.ready()
  listen((request, response) => void authority.handle(request, response))
  const ask = createAsk(url, admin)
  const ceiling = ['orders:*', 'refunds:create']
  await ask('POST', '/tenants', { id: 'acme', name: 'Acme' })
  await ask('POST', '/tenants/acme/people', { id: 'jane', name: 'Jane', ceiling })
  return {
    ...{ url, doorToken, ask },
    enrol: async (id, scopes, constraints = {}) => {
      const purpose = { tenant: 'acme', name: id, purpose: 'demo', owners: ['jane'], ceiling: scopes, constraints }
      await ask('POST', '/agents', { id, ...purpose })
      const { body } = await ask('POST', `/agents/${id}/enrolment-codes`, {})
      const agent = await createTestAgent({ agentId: id })
      await ask('POST', '/enrolments', { code: body.code, key: agent.publicJwk }, agent)
      return agent
    },
    close: async () => {
      await authority.close()
      await close()
      await trail.close()
      await folder.remove()
    },
  }
}

function createAsk(url: string, admin: TestAgent): DemoAuthority['ask'] {
  return async (method, path, body, { agentId, privateJwk: key } = admin) => {
    const send = createAgentFetch({ agentId, key, origins: [url] })
    const json = { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
    const content = body === undefined ? {} : body instanceof URLSearchParams ? { body } : json
    const answer = await send(url + path, { method, ...content })
    return { status: answer.status, body: await answer.json() }
  }
}
