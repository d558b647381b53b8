import { request } from 'node:http'

/** What a door reads from the stream of an authority. */
export interface DoorStream {
  /** Lines, as they came. */
  readonly lines: readonly { readonly seq: number; readonly action: string; readonly event: object }[]
  /** Resolves with as many lines as are wanted. */
  readonly wait: (count: number) => Promise<void>
  readonly close: () => void
}

/** Opens the stream of a door. */
export async function openDoorStream(port: number, token: string, path: string): Promise<DoorStream> {
  const lines: DoorStream['lines'][number][] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const opened = request({
    host: '127.0.0.1',
    port,
    path,
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  }).end()
  opened.on('error', () => undefined)
  await new Promise<void>((resolve) => {
    opened.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('error', () => undefined)
      response.on('data', (chunk: string) => {
        text += chunk
        const blocks = text.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const [, json] = /^id: \d+\ndata: (.*)$/.exec(block) ?? []
          if (json !== undefined) lines.push(JSON.parse(json))
        }
        for (const { count, resolve: told } of waiting) if (lines.length >= count) told()
      })
      resolve()
    })
  })
  return {
    lines,
    wait: (count) =>
      lines.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve })
          }),
    close: () => opened.destroy(),
  }
}
