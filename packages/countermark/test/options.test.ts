import { memoryReplayStore } from '@countermark/replay'
import { keySourceOf } from '@countermark/testing'
import { countermark as expressCountermark } from '../src/express.ts'
import { countermark as koaCountermark } from '../src/koa.ts'

const required = { origins: ['api.example.com'], keys: keySourceOf(), replay: memoryReplayStore() }
const delegation = {
  issuers: [{ issuer: 'https://auth.example.com' }],
  audience: 'https://api.example.com',
}

const withApprovals = { ...required, capabilities: { approvals: { store: required.replay } } }

describe.each([
  ['Express', (options: unknown) => expressCountermark(options as never)],
  ['Koa', (options: unknown) => koaCountermark(options as never)],
])('countermark for %s', (_name, countermark) => {
  it('needs two options', () => {
    const { replay: _, ...two } = required
    expect(() => countermark(two)).not.toThrow()
  })

  it('starts no single process by itself in production', () => {
    const { replay: _, ...two } = required
    const { NODE_ENV } = process.env
    process.env['NODE_ENV'] = 'production'
    try {
      expect(() => countermark(two)).toThrow(expect.objectContaining({ code: 'ERR_STORE_SINGLE_PROCESS' }))
    } finally {
      process.env['NODE_ENV'] = NODE_ENV
    }
  })

  it.each<[string, object | undefined | null, string, RegExp]>([
    ['nothing', undefined, 'ERR_OPTION_INVALID', /countermark takes an object of options/],
    ['null', null, 'ERR_OPTION_INVALID', /countermark takes an object of options/],
    ['no origins', { ...required, origins: undefined }, 'ERR_OPTION_MISSING', /origins must name/],
    ['no keys', { ...required, keys: undefined }, 'ERR_OPTION_MISSING', /keys must be a source of keys/],
    ['no store', { ...required, replay: {} }, 'ERR_OPTION_INVALID', /replay must be a store: memoryReplayStore/],
    [
      'two recorders',
      { ...required, audit: 'a.ndjson', recorder: { record: () => undefined } },
      'ERR_OPTION_INVALID',
      /either audit or recorder/,
    ],
    ['a misspelt option', { ...required, delegations: {} }, 'ERR_OPTION_UNKNOWN', /did you mean delegation\?/],
    ['a misspelt option of guards', { ...required, observer: [] }, 'ERR_OPTION_UNKNOWN', /did you mean observers\?/],
    ['a view of its own', { ...required, view: {} }, 'ERR_OPTION_UNKNOWN', /has no option view/],
    ['a word that is none', { ...required, onStoreUnavailable: 'shrug' }, 'ERR_OPTION_INVALID', /must be one of/],
    ['no issuers', { ...required, delegation: { ...delegation, issuers: [] } }, 'ERR_OPTION_MISSING', /issuers/],
    ['no audience', { ...required, delegation: { issuers: delegation.issuers } }, 'ERR_OPTION_MISSING', /audience/],
    ['a second place of metadata', withDelegation({ resourceMetadata: '/x' }), 'ERR_OPTION_UNKNOWN', /leave it out/],
    ['a second store', withDelegation({ dpop: { store: {} } }), 'ERR_OPTION_UNKNOWN', /delegation\.dpop\.store itself/],
    ['other keys', { ...required, signatures: { keys: {} } }, 'ERR_OPTION_UNKNOWN', /signatures\.keys itself/],
    [
      'no replay check',
      { ...required, signatures: { replay: 'elsewhere' } },
      'ERR_OPTION_UNKNOWN',
      /signatures\.replay/,
    ],
    ['a second memory of tickets', withApprovals, 'ERR_OPTION_UNKNOWN', /capabilities\.approvals\.store itself/],
    [
      'a second clock',
      { ...required, capabilities: { clock: {} } },
      'ERR_OPTION_UNKNOWN',
      /capabilities\.clock itself/,
    ],
    ['a misspelt rule', { ...required, capabilities: { budget: {} } }, 'ERR_OPTION_UNKNOWN', /did you mean budgets\?/],
    ['no object', { ...required, delegation: null }, 'ERR_OPTION_INVALID', /delegation must be an object/],
    [
      'hosts as an authority',
      { ...required, authority: ['api.example.com'] },
      'ERR_OPTION_INVALID',
      /stand in origins/,
    ],
    ['a foreign resource', { ...required, resource: 'https://other.example' }, 'ERR_OPTION_INVALID', /origins/],
    ['a resource in clear text', { ...required, resource: 'http://api.example.com' }, 'ERR_OPTION_INVALID', /origins/],
    ['a resource with a query', withResource('?a=b'), 'ERR_OPTION_INVALID', /without query and fragment/],
    ['a resource with a fragment', withResource('#a'), 'ERR_OPTION_INVALID', /without query and fragment/],
    ['a resource in another spelling', withResource('/a/../b'), 'ERR_OPTION_INVALID', /as clients write it/],
    ['a resource that is none', { ...required, resource: 'orders' }, 'ERR_OPTION_INVALID', /as clients write it/],
    ['a misspelt description', withMetadata({ names: 'a' }), 'ERR_OPTION_UNKNOWN', /did you mean name\?/],
    ['no name', withMetadata({ name: '' }), 'ERR_OPTION_INVALID', /metadata\.name/],
    [
      'no page',
      withMetadata({ documentation: 'javascript:alert(1)' }),
      'ERR_OPTION_INVALID',
      /metadata\.documentation/,
    ],
    ['no scopes', withMetadata({ scopes: 'a b' }), 'ERR_OPTION_INVALID', /metadata\.scopes/],
  ])('refuses %s, and names the remedy', (_what, options, code, message) => {
    expect(() => countermark(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  it('refuses at start what routes cannot ask for', () => {
    expect(() => countermark(required).require('orders read')).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })
})

function withDelegation(more: object): object {
  return { ...required, delegation: { ...delegation, ...more } }
}

function withResource(end: string): object {
  return { ...required, resource: `https://api.example.com${end}` }
}

function withMetadata(metadata: object): object {
  return { ...required, metadata }
}
