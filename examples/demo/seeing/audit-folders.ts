import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createTempFolder } from '@countermark/testing'

/** Where trails and their checkpoints lie. */
export interface AuditFolders {
  readonly folder: string
  /** Another machine, outside of a demo. */
  readonly anchorFolder: string
  /** For copies that are tampered with. */
  readonly copyFolder: string
  /** PKCS#8 PEM; signs checkpoints. */
  readonly checkpointKey: string
  readonly publicKey: KeyObject
  readonly remove: () => Promise<void>
}

/** Creates folders and a key for checkpoints. */
export async function createAuditFolders(): Promise<AuditFolders> {
  const [trails, anchors, copies] = await Promise.all([createTempFolder(), createTempFolder(), createTempFolder()])
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    folder: trails.path,
    anchorFolder: anchors.path,
    copyFolder: copies.path,
    checkpointKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey,
    remove: async () => void (await Promise.all([trails, anchors, copies].map(({ remove }) => remove()))),
  }
}
