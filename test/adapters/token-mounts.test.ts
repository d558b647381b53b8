import type { RequestListener } from 'node:http'
import { memoryReplayStore } from '@countermark/replay'
import {
  keySourceOf,
  type RawResponse,
  rawRequest,
  type StartedServer,
  sendRaw,
  startServer,
} from '@countermark/testing'
import { type CountermarkOptions, countermark as expressCountermark } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { problemOf } from '../../packages/testing/src/adapters/guarded-app.ts'
import { createTokenWorld, type TokenWorld } from './token-refusal-cases.ts'

const ORIGIN = 'https://api.example.com'
const METADATA = '/.well-known/oauth-protected-resource'

type Build = (options: CountermarkOptions) => RequestListener

/** Answers with the path that its router saw. */
const inExpress =
  (framework: typeof express): Build =>
  (options) => {
    const agents = expressCountermark(options)
    return framework()
      .use(agents.withoutSignature())
      .use((req, res) => void res.json({ path: req.url }))
  }

const inKoa =
  (Framework: typeof Koa): Build =>
  (options) => {
    const app = new Framework().use(koaCountermark(options).withoutSignature())
    app.use((ctx) => {
      ctx.body = { path: ctx.url }
    })
    return app.callback()
  }

/** Where metadata is published, and the application below a path. */
const mountedIn =
  (framework: typeof express, build: Build): Build =>
  (options) => {
    const inner = build(options)
    return framework().use('/.well-known', inner).use('/shop', inner)
  }

describe.each<[string, Build]>([
  ['Express 5 in Express 5', mountedIn(express, inExpress(express))],
  ['Express 4 in Express 4', mountedIn(express4, inExpress(express4))],
  ['Koa 3 in Express 5', mountedIn(express, inKoa(Koa))],
  ['Koa 2 in Express 4', mountedIn(express4, inKoa(Koa2))],
])('tokens below a mount: %s', (_name, build) => {
  const start = useTokenApps(build)

  it('come with a proof of the URL that was called', async () => {
    const app = await start()
    expect(await app.call('/shop/orders', '/shop/orders')).toEqual([200, '/orders'])
    expect(await app.call('/shop/orders?page=2', '/shop/orders')).toEqual([200, '/orders?page=2'])
    expect(await app.call('/shop/orders', '/orders')).toEqual([401, 'dpop_proof_invalid'])
  })

  it('are asked for with the address of the metadata, which is there', async () => {
    const app = await start()
    const address = await app.metadataAddress('/shop/orders')
    expect(address).toBe(ORIGIN + METADATA)
    expect(await app.resourceAt(METADATA)).toBe(ORIGIN)
    expect(await app.resourceAt(`/shop${METADATA}`)).toBe('credentials_missing')
  })

  it('are asked for with that of a resource that is no whole origin', async () => {
    const app = await start({ resource: `${ORIGIN}/shop` })
    expect(await app.metadataAddress('/shop/orders')).toBe(`${ORIGIN}${METADATA}/shop`)
    expect(await app.resourceAt(`${METADATA}/shop`)).toBe(`${ORIGIN}/shop`)
  })
})

describe.each<[string, Build]>([
  ['Express 5', inExpress(express)],
  ['Express 4', inExpress(express4)],
  ['Koa 3', inKoa(Koa)],
  ['Koa 2', inKoa(Koa2)],
  ['Koa 3 in Express 5', mountedIn(express, inKoa(Koa))],
])('tokens behind a gateway that takes a prefix off: %s', (name, build) => {
  const start = useTokenApps(build)
  const [sent, called] = name.includes(' in ') ? ['/shop/orders', '/eu/shop/orders'] : ['/orders', '/eu/orders']

  it('come with a proof of the URL that the agent called', async () => {
    const app = await start({ strippedPrefix: '/eu' })
    expect(await app.call(sent, called)).toEqual([200, '/orders'])
    expect(await app.call(sent, sent)).toEqual([401, 'dpop_proof_invalid'])
  })

  it('are asked for with the address of the metadata, of which the gateway takes nothing', async () => {
    const app = await start({ strippedPrefix: '/eu', resource: `${ORIGIN}/eu` })
    expect(await app.metadataAddress(sent)).toBe(`${ORIGIN}${METADATA}/eu`)
    expect(await app.resourceAt(`${METADATA}/eu`)).toBe(`${ORIGIN}/eu`)
  })
})

interface TokenApp {
  /** Status, and the path that the handler saw or the code of the refusal. */
  readonly call: (target: string, provenPath: string) => Promise<readonly [number, unknown]>
  /** What the challenge for a request without a token says. */
  readonly metadataAddress: (target: string) => Promise<string | undefined>
  /** The `resource` of the document at a target, or the code of the refusal. */
  readonly resourceAt: (target: string) => Promise<unknown>
}

function useTokenApps(build: Build): (options?: Partial<CountermarkOptions>) => Promise<TokenApp> {
  const started: StartedServer[] = []
  let world: TokenWorld
  beforeAll(async () => {
    world = await createTokenWorld()
  })
  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.close()))
  })
  return async (options = {}) => {
    const server = await startServer(
      build({
        ...{ origins: ['api.example.com'], keys: keySourceOf(), replay: memoryReplayStore({ startedAt: 0 }) },
        ...{ delegation: { issuers: [world.issuer.options()], audience: ORIGIN, dpop: {} } },
        ...options,
      }),
    )
    started.push(server)
    const send = (target: string, fields: readonly (readonly [string, string])[] = []): Promise<RawResponse> =>
      sendRaw(
        server.port,
        rawRequest({ method: 'GET', target, headerLines: [['Host', 'api.example.com'], ...fields], body: undefined }),
      )
    return {
      call: async (target, provenPath) => {
        const token = await world.mint({ cnf: { jkt: world.prover.thumbprint } })
        const claims = { htu: ORIGIN + provenPath }
        const proof = await world.prover.prove({ token, at: Math.floor(Date.now() / 1000), claims })
        const response = await send(target, [
          ['Authorization', `DPoP ${token}`],
          ['DPoP', proof],
        ])
        const { code, path } = problemOf(response)
        return [response.status, code ?? path]
      },
      metadataAddress: async (target) =>
        /resource_metadata="([^"]+)"/.exec((await send(target)).header('www-authenticate') ?? '')?.[1],
      resourceAt: async (target) => {
        const { code, resource } = problemOf(await send(target))
        return code ?? resource
      },
    }
  }
}
