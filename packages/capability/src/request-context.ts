import type { AgentRequest } from '@countermark/core'
import type { CapabilityContext } from '@countermark/core/internal'

/**
 * A request, as far as limits are about it; each part is worked out when a limit asks for it. A class, because getters in an
 * object literal cost more than all the rest of a decision; and nothing of it stands in JSON.
 */
export class RequestContext implements CapabilityContext {
  readonly #request: AgentRequest

  constructor(request: AgentRequest) {
    this.#request = request
  }

  get method(): string {
    return this.#request.method
  }

  get remoteAddress(): string | undefined {
    return this.#request.remoteAddress
  }

  get origin(): string {
    return `${this.#request.scheme}://${this.#request.authority}`
  }

  get path(): string {
    return this.#request.path
  }
}
