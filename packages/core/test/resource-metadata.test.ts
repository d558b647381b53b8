import { mergeResourceMetadata, metadataUrl, requireMetadataPlace } from '../src/internal.ts'

describe('what checks accept, put together', () => {
  it('unites lists', () => {
    expect(mergeResourceMetadata([{ scopes: ['a', 'b'] }, { scopes: ['b', 'c'] }])).toEqual({ scopes: ['a', 'b', 'c'] })
  })

  it('merges objects member by member', () => {
    const parts = [
      { agent_signatures: { schemes: ['httpsig'], window: 300 } },
      { agent_signatures: { schemes: ['dpop'] } },
    ]
    expect(mergeResourceMetadata(parts)).toEqual({ agent_signatures: { schemes: ['httpsig', 'dpop'], window: 300 } })
  })

  it('keeps the first word otherwise', () => {
    expect(
      mergeResourceMetadata([
        { a: 1, b: ['x'], c: null },
        { a: 2, b: 'y', c: 3 },
      ]),
    ).toEqual({ a: 1, b: ['x'], c: null })
  })

  it('has no member that only every object inherits', () => {
    const merged = mergeResourceMetadata([{}, { constructor: ['a'] }])
    expect(Object.entries(merged)).toEqual([['constructor', ['a']]])
  })
})

describe('where the document stands', () => {
  const request = { scheme: 'https', authority: 'api.example.com' } as const

  it.each([
    ['/.well-known/x', 'https://api.example.com/.well-known/x'],
    ['https://docs.example.com/x', 'https://docs.example.com/x'],
  ])('is a path on our own origin, or a URL: %s', (place, url) => {
    expect(metadataUrl(requireMetadataPlace('place', place) ?? '', request)).toBe(url)
  })

  it.each(['', 'x', '//evil.example/x', 'ftp://a/x', 'https://', '/a"b', '/a b', '/a\\b', '/\r\nX: y', 7])(
    'is nothing else: %j',
    (place) => {
      expect(() => requireMetadataPlace('place', place as string)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('place') }),
      )
    },
  )

  it('may be left out', () => {
    expect(requireMetadataPlace('place', undefined)).toBeUndefined()
  })
})
