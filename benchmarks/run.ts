import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import jwt from 'jsonwebtoken'
import { type Measured, measure } from './load.ts'
import { writeReport } from './report.ts'
import { type BenchIdentity, createRequests } from './requests.ts'
import { VARIANTS, type Variant } from './variants.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
    // Run the sources instead of the build: for a look in between, not for figures.
    source: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const wanted = values.only.split(',').filter((name) => name !== '')
const variants = VARIANTS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))

const folder = mkdtempSync(join(tmpdir(), 'countermark-bench-'))
const servers: ChildProcess[] = []
try {
  const identity = createIdentity()
  writeFileSync(join(folder, 'identity.json'), JSON.stringify(identity))
  console.log(`${variants.length} servers, ${rounds} interleaved rounds of ${seconds} s, server and load on core 0`)
  const started = await Promise.all(variants.map(startServer))
  const results = new Map<string, Measured[]>(variants.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const [index, variant] of variants.entries()) {
      const { port, pid } = started[index] as Started
      // A plain request may be repeated; a signed one is good once, so there must be more of them than can be sent.
      // The compiler needs some ten thousand requests until it has finished.
      const slot = round === 0 ? 3 * seconds : seconds
      const count = ['plain', 'bearer'].includes(variant.requests) ? 64 : Math.ceil(slot * 9000)
      const requests = createRequests(variant.requests, count, identity)
      const measured = await measure({ pid, port, requests, status: variant.status, seconds: slot, folder })
      if (measured.unexpected > 0)
        throw new Error(`${variant.name}: ${measured.unexpected} of ${measured.requests} answers unexpected`)
      if (round > 0) results.get(variant.name)?.push(measured)
      process.stdout.write(
        `\rround ${round === 0 ? 'warm-up' : `${round}/${rounds}`} ${variant.name} ${measured.cpuMicros.toFixed(0)} µs${' '.repeat(30)}`,
      )
    }
  }
  process.stdout.write('\n')
  writeReport({ variants, results, rounds, seconds, write: values.write })
} finally {
  for (const server of servers) server.kill()
  rmSync(folder, { recursive: true })
}

interface Started {
  readonly port: number
  readonly pid: number
}

function startServer(variant: Variant): Promise<Started> {
  const conditions = values.source ? ['--conditions=@countermark/source'] : []
  const args = [
    '-c',
    '0',
    process.execPath,
    ...conditions,
    '--import',
    'tsx',
    join(import.meta.dirname, 'server.ts'),
    variant.name,
  ]
  const child = spawn('taskset', args, {
    env: { ...process.env, BENCH_IDENTITY: join(folder, 'identity.json') },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  servers.push(child)
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${variant.name} ended with ${code}`)))
    child.stdout.on('data', (chunk: Buffer) => {
      const port = /PORT (\d+)/.exec(chunk.toString())?.[1]
      if (port !== undefined) resolve({ port: Number(port), pid: child.pid ?? 0 })
    })
  })
}

function createIdentity(): BenchIdentity {
  const ed = generateKeyPairSync('ed25519')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const base = `"@method": GET\n${'x'.repeat(330)}`
  const publicJwk = ed.publicKey.export({ format: 'jwk' }) as Record<string, string>
  const members = JSON.stringify({ crv: publicJwk['crv'], kty: publicJwk['kty'], x: publicJwk['x'] })
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    sub: 'user_123',
    iss: 'https://issuer.example/',
    aud: 'https://api.example.com',
    iat: now,
    exp: now + 3600,
    scope: 'orders:read',
  }
  const rsaPrivatePem = rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return {
    agentId: 'agt_bench',
    keyId: createHash('sha256').update(members).digest('base64url'),
    privateJwk: ed.privateKey.export({ format: 'jwk' }) as Record<string, string>,
    publicJwk,
    rsaPrivatePem,
    rsaPublicPem: rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    token: jwt.sign(claims, rsaPrivatePem, {
      algorithm: 'RS256',
      keyid: 'rsa-1',
      header: { alg: 'RS256', typ: 'at+jwt' },
    }),
    unit: { base, signature: sign(null, Buffer.from(base), ed.privateKey).toString('base64') },
  }
}
