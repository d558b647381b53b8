import {
  createServer as createHttpServer,
  type Server as HttpServer,
  IncomingMessage,
  type ServerOptions,
  ServerResponse,
} from 'node:http'
import type { Server as HttpsServer, ServerOptions as TlsOptions } from 'node:https'
import { Misconfigured } from '@countermark/core'
import type { Express } from 'express'

/**
 * What `app.listen` and `http.createServer(app)` make, with messages that are born as this application's: Express finds their
 * prototypes in place, where it would otherwise change two of them for each request. Takes what `http.createServer` takes.
 * @example
 * createServer(app).listen(3000)
 * @throws Misconfigured
 */
export function createServer(...input: [app: Express] | [options: ServerOptions, app: Express]): HttpServer {
  const [options, app] = input.length === 1 ? [{}, input[0]] : input
  return createHttpServer({ ...requireServerOptions(options), ...messageClassesOf(app) }, app)
}

/**
 * The same over TLS: takes what `https.createServer` takes.
 * @example
 * createHttpsServer({ key, cert }, app).listen(443)
 * @throws Misconfigured
 */
export function createHttpsServer(options: TlsOptions, app: Express): HttpsServer {
  const { createServer: createTlsServer } = process.getBuiltinModule('node:https')
  return createTlsServer({ ...requireServerOptions(options), ...messageClassesOf(app) }, app)
}

interface MessageClasses {
  readonly IncomingMessage: typeof IncomingMessage
  readonly ServerResponse: typeof ServerResponse<IncomingMessage>
}

// An application may have several servers, such as one for HTTP and one for HTTPS.
const known = new WeakMap<Express, MessageClasses>()

function messageClassesOf(app: Express): MessageClasses {
  const { request, response } = prototypesOf(app)
  const classes = known.get(app)
  if (classes?.IncomingMessage.prototype === request && classes.ServerResponse.prototype === response) return classes
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {}
  takePlace(AppRequest.prototype, request)
  takePlace(AppResponse.prototype, response)
  Object.assign(app, { request: AppRequest.prototype, response: AppResponse.prototype })
  const made: MessageClasses = { IncomingMessage: AppRequest, ServerResponse: AppResponse }
  known.set(app, made)
  return made
}

/** What Express gives to the messages of an application as their prototypes. */
function prototypesOf(app: unknown): { readonly request: object; readonly response: object } {
  const { request, response }: { readonly request?: unknown; readonly response?: unknown } = Object(app)
  if (typeof app === 'function' && request instanceof IncomingMessage && response instanceof ServerResponse) {
    return { request, response }
  }
  throw new Misconfigured('ERR_OPTION_INVALID', 'createServer needs what express() returned, as its last argument')
}

/**
 * Makes `own` what `former` is for the application. A class of its own, because V8 lays out what a derived class makes at
 * once; with `former` as the prototype of a function, requests were a third dearer. What inherits from `former`, such as
 * applications that are mounted already, inherits from `own` through it.
 */
function takePlace(own: object, former: object): void {
  Reflect.deleteProperty(own, 'constructor')
  Object.setPrototypeOf(own, Object.getPrototypeOf(former))
  Object.defineProperties(own, Object.getOwnPropertyDescriptors(former))
  for (const name of Reflect.ownKeys(former)) Reflect.deleteProperty(former, name)
  Object.setPrototypeOf(former, own)
}

function requireServerOptions<Options extends ServerOptions>(options: Options): Options {
  if (typeof options !== 'object' || options === null) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'the options of createServer must be an object, in front of the application',
    )
  }
  if (options.IncomingMessage !== undefined || options.ServerResponse !== undefined) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'leave IncomingMessage and ServerResponse out: createServer makes them; extend app.request and app.response instead',
    )
  }
  if (options.insecureHTTPParser === true) {
    throw new Misconfigured('ERR_INSECURE_HTTP_PARSER', 'leave insecureHTTPParser out: it lets requests be smuggled')
  }
  return options
}
