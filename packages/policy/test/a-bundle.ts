import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { canonicalJson } from '@countermark/core/internal'
import { PRINTED_POLICY } from './wasm/printed-policy.ts'

/** The policy that the fourth source prints, as a module. */
export const WASM = Buffer.from(PRINTED_POLICY, 'base64')

/** Files of a bundle by their names. */
export type Files = Readonly<Record<string, Buffer | string>>

/** What `opa build -t wasm -e agent/authz/allow` writes. */
export function bundleFiles(revision = 'r1'): Files {
  const manifest = { revision, roots: [''], wasm: [{ entrypoint: 'agent/authz/allow', module: '/policy.wasm' }] }
  return { 'data.json': '{ "limit": 5 }', 'policy.wasm': WASM, '.manifest': JSON.stringify(manifest) }
}

/** A gzipped tar archive. */
export function tarGz(files: Files): Buffer {
  const parts = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content)
    return [header(`/${name}`, bytes.length), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]
  })
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]))
}

function header(name: string, size: number, type = '0'): Buffer {
  const block = Buffer.alloc(512)
  block.write(name, 0, 'latin1')
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  block.write(type, 156, 'latin1')
  block.write('ustar\0', 257, 'latin1')
  return block
}

/** A release process: it signs bundles. */
export interface Signer {
  readonly publicKey: string
  readonly bundle: (files: Files, more?: SignedAs) => Buffer
}

/** How a bundle is signed, where it is not as it should be. */
export interface SignedAs {
  readonly kid?: string
  readonly claims?: object
  readonly alg?: string
  /** The files that are in the bundle, where they are not those that were signed. */
  readonly packed?: Files
}

/** Makes a release process with a P-256 key. */
export function createSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    bundle: (files, { kid = 'release', claims = {}, alg = 'ES256', packed = files } = {}) => {
      const listed = Object.entries(files).map(([name, content]) => ({
        name,
        hash: digest(name, content),
        algorithm: 'SHA-256',
      }))
      const token = jwt({ alg, kid, typ: 'JWT' }, { files: listed, ...claims }, privateKey)
      return tarGz({ ...packed, '.signatures.json': JSON.stringify({ signatures: [token] }) })
    },
  }
}

function digest(name: string, content: Buffer | string): string {
  const isStructured = name.endsWith('.json') || name === '.manifest'
  const text = isStructured ? canonicalJson(JSON.parse(String(content))) : content
  return createHash('sha256').update(text).digest('hex')
}

function jwt(head: object, claims: object, key: KeyObject): string {
  const signed = [head, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}
