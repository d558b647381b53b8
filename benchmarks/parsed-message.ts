import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { createNodeGuard } from '@countermark/core/node'

/** A request as the parser of node:http hands it over; its content comes later. */
export interface ParsedMessage {
  readonly message: IncomingMessage
  readonly content: string
}

const socket = Object.assign(new Socket(), { server: {} })
Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' })

/** Reads the text of a request without a connection. */
export function parseMessage(raw: string): ParsedMessage {
  const [head = '', content = ''] = raw.split('\r\n\r\n')
  const [requestLine = '', ...lines] = head.split('\r\n')
  const message = new IncomingMessage(socket)
  message.method = requestLine.split(' ')[0] ?? ''
  message.url = '/'
  message.httpVersionMajor = 1
  for (const line of lines) {
    const at = line.indexOf(': ')
    message.rawHeaders.push(line.slice(0, at), line.slice(at + 2))
  }
  message.complete = content === ''
  return { message, content }
}

type NodeInput = Parameters<ReturnType<typeof createNodeGuard>['judge']>[1]

/** What an adapter tells of a message. */
export function toNodeInput(message: IncomingMessage): NodeInput {
  return { message, originalUrl: '/', route }
}

function route(): { readonly template: string; readonly parameters: Readonly<Record<string, string>> } {
  return { template: '/', parameters: {} }
}
