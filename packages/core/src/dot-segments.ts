const DOT_SEGMENT = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=$|[/\\;]|%2f|%5c|%3b)/i

/**
 * Whether a path has `.` or `..` as a segment, also an encoded one (RFC 3986 section 5.2.4): a router behind may resolve it
 * and so serve another place than the one that was judged.
 */
export function hasDotSegment(path: string): boolean {
  return DOT_SEGMENT.test(path)
}
