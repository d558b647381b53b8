import { Readable } from 'node:stream'

/** Whether something can be read piece by piece. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/**
 * A stream of the web over one of Node, or over anything that gives bytes piece by piece. Not `Readable.toWeb`, whose streams
 * throw out of reach when they are given up while a piece arrives.
 */
export function toWebStream(source: AsyncIterable<unknown>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = source[Symbol.asyncIterator]()
  let isOver = false
  const fail = (controller: Controller, error: unknown): void => {
    if (!isOver) controller.error(error)
    isOver = true
  }
  const pull = async (controller: Controller): Promise<void> => {
    try {
      const { done, value } = await iterator.next()
      if (isOver) return
      if (done === true) controller.close()
      else controller.enqueue(toBytes(value))
    } catch (error) {
      fail(controller, error)
    }
  }
  const cancel = (): void => {
    isOver = true
    if (source instanceof Readable) source.destroy()
    else iterator.return?.().catch(() => undefined)
  }
  const start = (controller: Controller): void => {
    // Some libraries only emit an error when a request is aborted: read on, and nothing would ever come.
    if (source instanceof Readable) source.on('error', (error) => fail(controller, error))
  }
  return new ReadableStream({ start, pull, cancel }, { highWaterMark: 0 })
}

type Controller = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>

function toBytes(piece: unknown): Uint8Array<ArrayBuffer> {
  if (typeof piece === 'string') return new TextEncoder().encode(piece)
  if (piece instanceof Uint8Array) return new Uint8Array(piece)
  throw new TypeError('a response must be made of bytes')
}
