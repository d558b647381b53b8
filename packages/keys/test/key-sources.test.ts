import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTempFolder, type TempFolder } from '@countermark/testing'
import { firstOf, fromFile, jwks, registry, staticKeys } from '../src/index.ts'
import { type CreateSource, describeForeignKeys, describeKeySource, type PublishedKey } from './describe-key-source.ts'
import { type Answer, json, type KeyServer, type RegisteredAgent, registryOf, startKeyServer } from './key-server.ts'

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true } as const
const servers: KeyServer[] = []
let folder: TempFolder
let files = 0

beforeAll(async () => {
  folder = await createTempFolder()
})

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

afterAll(() => folder.remove())

async function serve(answer: Answer): Promise<string> {
  const server = await startKeyServer(answer)
  servers.push(server)
  return server.url
}

function toAgent(agentId: string, keys: readonly PublishedKey[]): RegisteredAgent {
  return {
    id: agentId,
    keys: keys.map(({ keyId, ...key }) => ({ ...(keyId === undefined ? {} : { id: keyId }), ...key })),
  }
}

function toJwks(keys: readonly PublishedKey[]): unknown {
  return {
    keys: keys.map(({ keyId, jwk, notBefore, notAfter }) => ({ ...jwk, kid: keyId, nbf: notBefore, exp: notAfter })),
  }
}

const create: Readonly<Record<string, CreateSource>> = {
  'static keys': async (agentId, keys) => staticKeys(keys.map(({ jwk, ...key }) => ({ agentId, key: jwk, ...key }))),
  'a file': async (agentId, keys) => {
    const path = join(folder.path, `${files++}.json`)
    await writeFile(path, JSON.stringify({ agents: [toAgent(agentId, keys)] }))
    return fromFile(path)
  },
  'a JWK Set': async (agentId, keys) => jwks(await serve(json(toJwks(keys))), { agent: agentId, ...LOOPBACK }),
  'a registry': async (agentId, keys) => registry(await serve(registryOf(toAgent(agentId, keys))), LOOPBACK),
  'the first of several sources': async (agentId, keys) => {
    const registered = registry(await serve(registryOf(toAgent(agentId, keys))), LOOPBACK)
    return firstOf(staticKeys([]), registered)
  },
}

describe.each(Object.keys(create))('%s', (name) => {
  describeKeySource(name, create[name] as CreateSource)
})

describe('a source of foreign keys', () => {
  for (const name of ['a JWK Set', 'a registry']) describeForeignKeys(name, create[name] as CreateSource)
})
