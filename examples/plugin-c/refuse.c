// Refuses calls to premium numbers. The contract is wit/sip-policy.wit; plugin.h is made from it.
#include "plugin.h"
#include <stdlib.h>
#include <string.h>

// The beginning of the numbers that are refused: the configuration {"prefix": "+49900"}.
static char prefix[32];

static bool read_config(plugin_string_t *config, plugin_string_t *err) {
  const char *key = "\"prefix\"", *at = NULL, *end = NULL;
  for (size_t i = 0; i + strlen(key) <= config->len && !at; i++)
    if (!memcmp(config->ptr + i, key, strlen(key))) at = (const char *)config->ptr + i + strlen(key);
  const char *last = (const char *)config->ptr + config->len;
  if (at) at = memchr(at, '"', (size_t)(last - at));
  if (at) end = memchr(at + 1, '"', (size_t)(last - at - 1));
  if (!end || end - at - 1 >= (long)sizeof prefix) {
    plugin_string_dup(err, "prefix: expected a string of at most 31 characters");
    return false;
  }
  memset(prefix, 0, sizeof prefix);
  memcpy(prefix, at + 1, (size_t)(end - at - 1));
  return true;
}

void exports_sip_policy_lifecycle_describe(exports_sip_policy_lifecycle_info_t *ret) {
  static exports_sip_policy_lifecycle_hook_t hooks[] = {EXPORTS_SIP_POLICY_LIFECYCLE_HOOK_ON_REQUEST};
  plugin_string_dup(&ret->name, "refuse-c");
  plugin_string_dup(&ret->version, "0.1.0");
  // What is handed out is freed by the caller: copies, no literals.
  ret->hooks.ptr = malloc(sizeof hooks);
  memcpy(ret->hooks.ptr, hooks, sizeof hooks);
  ret->hooks.len = 1;
  ret->config_schema.is_some = false;
}

bool exports_sip_policy_lifecycle_validate(plugin_string_t *config, plugin_string_t *err) {
  return read_config(config, err);
}

bool exports_sip_policy_lifecycle_start(plugin_string_t *config, plugin_string_t *err) {
  return read_config(config, err);
}

// Whether the user part of a sip or tel URI begins with the prefix.
static bool is_refused(const plugin_string_t *uri) {
  const uint8_t *colon = memchr(uri->ptr, ':', uri->len);
  if (!colon) return false;
  size_t left = uri->len - (size_t)(colon + 1 - uri->ptr);
  return left >= strlen(prefix) && !memcmp(colon + 1, prefix, strlen(prefix));
}

void exports_sip_policy_hooks_on_request(exports_sip_policy_hooks_borrow_message_t msg,
                                         exports_sip_policy_hooks_verdict_t *ret) {
  sip_policy_messages_summary_t summary;
  sip_policy_messages_method_message_summary(msg, &summary);
  ret->tag = EXPORTS_SIP_POLICY_HOOKS_VERDICT_CONTINUE;
  if (!summary.in_dialog && is_refused(&summary.ruri)) {
    memset(&ret->val.reply, 0, sizeof ret->val.reply);
    ret->tag = EXPORTS_SIP_POLICY_HOOKS_VERDICT_REPLY;
    ret->val.reply.status = 403;
    ret->val.reply.reason.is_some = true;
    plugin_string_dup(&ret->val.reply.reason.val, "Not from C");
  }
  sip_policy_types_summary_free(&summary);
  sip_policy_messages_message_drop_borrow(msg);
}

// The hooks that `describe` does not name are never called, but the world has them.
void exports_sip_policy_hooks_on_register(exports_sip_policy_hooks_borrow_message_t msg,
                                          exports_sip_policy_hooks_register_verdict_t *ret) {
  ret->tag = EXPORTS_SIP_POLICY_HOOKS_REGISTER_VERDICT_CONTINUE;
  sip_policy_messages_message_drop_borrow(msg);
}
bool exports_sip_policy_hooks_on_route(exports_sip_policy_hooks_borrow_message_t msg,
                                       exports_sip_policy_hooks_route_t *ret) {
  (void)ret;
  sip_policy_messages_message_drop_borrow(msg);
  return false;
}
void exports_sip_policy_hooks_on_failure(exports_sip_policy_hooks_borrow_message_t msg,
                                         exports_sip_policy_hooks_failure_t *failure,
                                         exports_sip_policy_hooks_failure_verdict_t *ret) {
  exports_sip_policy_hooks_failure_free(failure);
  ret->tag = EXPORTS_SIP_POLICY_HOOKS_FAILURE_VERDICT_CONTINUE;
  sip_policy_messages_message_drop_borrow(msg);
}
void exports_sip_policy_hooks_on_response(exports_sip_policy_hooks_borrow_message_t response) {
  sip_policy_messages_message_drop_borrow(response);
}
void exports_sip_policy_hooks_on_dialog(exports_sip_policy_hooks_dialog_event_t *event) {
  exports_sip_policy_hooks_dialog_event_free(event);
}
void exports_sip_policy_hooks_on_timer(void) {}
