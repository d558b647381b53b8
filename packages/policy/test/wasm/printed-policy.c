/*
 * The policy that the fourth source prints, written by hand as a module that speaks the ABI 1.2 of Open Policy Agent: what
 * `opa build -t wasm -e agent/authz/allow` would make is not to be had here. A value is its own JSON text.
 */
extern unsigned char __heap_base;
static unsigned heap = 0;

#define EXPORT(name) __attribute__((export_name(#name))) name

static const char ALLOWED[] = "[{\"result\":true}]";
static const char DENIED[] = "[{\"result\":false}]";

unsigned EXPORT(opa_heap_ptr_get)(void) { return heap ? heap : (heap = (unsigned)&__heap_base); }
void EXPORT(opa_heap_ptr_set)(unsigned address) { heap = address; }
unsigned EXPORT(opa_malloc)(unsigned size) {
  unsigned at = opa_heap_ptr_get();
  heap = (at + size + 8) & ~7u;
  return at;
}
unsigned EXPORT(opa_json_parse)(unsigned at, unsigned length) {
  ((char *)at)[length] = 0;
  return at;
}
unsigned EXPORT(opa_json_dump)(unsigned at) { return at; }
unsigned EXPORT(builtins)(void) { return (unsigned)"{}"; }
unsigned EXPORT(entrypoints)(void) { return (unsigned)"{\"agent/authz/allow\":0}"; }

static const char *skip_text(const char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++) if (*at == '\\') at++;
  return at + 1;
}

/* Behind a value of JSON without white space, as JSON.stringify writes it. */
static const char *skip(const char *at, const char *end) {
  int depth = 0;
  while (at < end) {
    if (*at == '"') at = skip_text(at, end);
    else {
      if (*at == '{' || *at == '[') depth++;
      else if (*at == '}' || *at == ']') { if (depth == 0) return at; depth--; }
      else if (*at == ',' && depth == 0) return at;
      at++;
    }
    if (depth == 0 && (at >= end || *at == ',' || *at == '}' || *at == ']')) return at;
  }
  return end;
}

static int is_text(const char *at, const char *end, const char *wanted) {
  if (!at || at >= end || *at != '"') return 0;
  for (at++; *wanted && at < end && *at == *wanted; at++) wanted++;
  return !*wanted && at < end && *at == '"';
}

/* The value of a member, or 0. */
static const char *member(const char *at, const char *end, const char *name) {
  if (!at || at >= end || *at != '{') return 0;
  at++;
  while (at < end && *at == '"') {
    int found = is_text(at, end, name);
    at = skip_text(at, end) + 1;
    if (found) return at;
    at = skip(at, end);
    if (at < end && *at == ',') at++;
  }
  return 0;
}

static int has(const char *at, const char *end, const char *wanted) {
  if (!at || at >= end || *at != '[') return 0;
  for (at++; at < end && *at != ']'; at++) {
    if (is_text(at, end, wanted)) return 1;
    at = skip(at, end);
    if (at < end && *at == ']') return 0;
  }
  return 0;
}

unsigned EXPORT(opa_eval)(unsigned reserved, unsigned entrypoint, unsigned data, unsigned input, unsigned length,
                          unsigned heap_ptr, unsigned format) {
  const char *in = (const char *)input, *end = in + length;
  const char *actor = member(in, end, "actor");
  const char *user = member(in, end, "on_behalf_of");
  const char *resource = member(in, end, "resource");
  int allow = is_text(member(actor, end, "type"), end, "agent") &&
              is_text(member(actor, end, "id"), end, "agent-code-reviewer-01") &&
              is_text(member(user, end, "user_id"), end, "user_123") &&
              is_text(member(in, end, "action"), end, "pr.create") &&
              is_text(member(resource, end, "repo"), end, "acme/api") &&
              has(member(in, end, "scope"), end, "pr:write:draft");
  (void)reserved, (void)entrypoint, (void)data, (void)format;
  heap = heap_ptr;
  return (unsigned)(allow ? ALLOWED : DENIED);
}
