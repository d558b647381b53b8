import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTempFolder, findFreePort, startProgram } from '@countermark/testing'
import { programPath } from './stage.ts'

/** A running Alertmanager. */
export interface StartedAlertmanager {
  /** `host:port`. */
  readonly address: string
  readonly stop: () => Promise<void>
}

/** Starts one that knows no others, with this configuration. */
export async function startAlertmanager(config: string): Promise<StartedAlertmanager> {
  const command = programPath('prometheus-alertmanager')
  const folder = await createTempFolder()
  const port = await findFreePort()
  const address = `127.0.0.1:${port}`
  writeFileSync(join(folder.path, 'alertmanager.yaml'), config)
  const program = await startProgram({
    command,
    folder: folder.path,
    arguments: [
      '--config.file=alertmanager.yaml',
      '--storage.path=data',
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
    ],
    ready: port,
    timeoutMs: 30_000,
  })
  const stop = async (): Promise<void> => {
    await program.stop()
    await folder.remove()
  }
  return { address, stop }
}
