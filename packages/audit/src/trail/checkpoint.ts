import { type KeyObject, sign, verify } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { Misconfigured } from '@countermark/core'
import { canonicalJson, thumbprintOf } from '@countermark/core/internal'
import type { ChainEnd } from '../record/chain.ts'

/** What a signed checkpoint says: up to this record the chain was as its hash tells. */
export interface CheckpointStatement extends ChainEnd {
  readonly v: 1
  readonly type: 'checkpoint'
  /** ISO 8601. */
  readonly at: string
  /** JWK thumbprint of the key that signed (RFC 7638). */
  readonly key: string
}

/** A statement with its Ed25519 signature, base64url. */
export interface Checkpoint extends CheckpointStatement {
  readonly signature: string
}

/** Where checkpoints go: out of reach of those who can change the trail. */
export interface CheckpointAnchor {
  /** A closed word for metrics. */
  readonly name: string
  /** Answers once the checkpoint is durable. */
  readonly publish: (checkpoint: Checkpoint) => Promise<void>
  /** Ends what the anchor keeps open. @default there is nothing to end */
  readonly close?: () => Promise<void>
}

const CONTEXT = 'countermark audit checkpoint\n'

/** Signs a statement about a chain. `key` is an Ed25519 private key. */
export function signCheckpoint(end: ChainEnd, at: string, key: KeyObject, thumbprint: string): Checkpoint {
  const { chain, seq, hash } = end
  const statement: CheckpointStatement = { v: 1, type: 'checkpoint', chain, seq, hash, at, key: thumbprint }
  return { ...statement, signature: sign(null, signedBytes(statement), key).toString('base64url') }
}

/** Whether a checkpoint was signed with this key and says what it said then. */
export function isSignedBy({ signature, ...statement }: Checkpoint, publicKey: KeyObject): boolean {
  return verify(null, signedBytes(statement), publicKey, Buffer.from(signature, 'base64url'))
}

/** The line of a checkpoint in a file of them. */
export function checkpointLine(checkpoint: Checkpoint): string {
  return canonicalJson(checkpoint)
}

/** The name of a key in checkpoints. */
export function checkpointKeyName(publicKey: KeyObject): string {
  const { kty, crv, x } = publicKey.export({ format: 'jwk' })
  return thumbprintOf({ kty: kty ?? '', crv: crv ?? '', x: x ?? '' })
}

/** The context keeps a checkpoint from being taken for anything else that the key signs. */
function signedBytes(statement: CheckpointStatement): Buffer {
  return Buffer.from(CONTEXT + canonicalJson(statement), 'utf8')
}

/**
 * Writes checkpoints into a file of their own, a line each, durable before it answers. Put it where the process that writes the
 * trail can only append, or on another machine.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`
 */
export function fileAnchor({ path }: { readonly path: string }): CheckpointAnchor {
  if (typeof path !== 'string' || path === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'fileAnchor needs the path of a file')
  }
  let opened: FileHandle | undefined
  return {
    name: 'file',
    publish: async (checkpoint) => {
      opened ??= await open(path, 'a', 0o600)
      try {
        // The line feed first: the rest of a line that failed does not become part of this one.
        await opened.write(`\n${checkpointLine(checkpoint)}\n`)
        await opened.datasync()
      } catch (error) {
        await opened.close().catch(() => undefined)
        opened = undefined
        throw error
      }
    },
    close: async () => {
      await opened?.close()
      opened = undefined
    },
  }
}
