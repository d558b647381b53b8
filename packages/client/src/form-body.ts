import { PassThrough, type Readable } from 'node:stream'

/** A form as it is sent: with the boundary that its Content-Type names. */
export interface EncodedForm {
  readonly source: AsyncIterable<unknown> | Iterable<unknown>
  readonly contentType: string | undefined
}

/** Built again from its entries, so that forms of another `fetch` implementation are understood too. */
export async function encodeForm(form: FormData): Promise<EncodedForm> {
  const copy = new FormData()
  for (const [name, value] of form) {
    if (typeof value === 'string') copy.append(name, value)
    else copy.append(name, await toOwnBlob(value), value.name)
  }
  const encoded = new Response(copy)
  return { source: encoded.body ?? [], contentType: encoded.headers.get('content-type') ?? undefined }
}

/** `FormData` takes no Blobs of other implementations, such as those of formdata-node and fetch-blob. */
async function toOwnBlob(value: Pick<Blob, 'arrayBuffer' | 'type'>): Promise<Blob> {
  return value instanceof Blob ? value : new Blob([await value.arrayBuffer()], { type: value.type })
}

/** A form of the package form-data: a stream of the time before Node's own could be iterated, which knows its header. */
export interface PipedForm {
  readonly getHeaders: () => Readonly<Record<string, string>>
  readonly pipe: <Target extends Readable>(target: Target) => Target
  readonly on: (event: 'error', listener: (error: Error) => void) => unknown
}

/** Whether a body is a form of the package form-data. */
export function isPipedForm(body: object): body is PipedForm {
  return 'getHeaders' in body && 'pipe' in body && typeof body.getHeaders === 'function'
}

/** Reads a form of the package form-data. */
export function encodePipedForm(form: PipedForm): EncodedForm {
  const source = new PassThrough()
  form.on('error', (error) => source.destroy(error))
  form.pipe(source)
  return { source, contentType: form.getHeaders()['content-type'] }
}
