// A module for Node with one function, reseed(): mixes new entropy of the kernel into OpenSSL's generators, of all
// threads. OpenSSL reseeds by itself after a fork, after many requests and after minutes; none of these tells a process
// that it is now a copy of one in a snapshot, and Node has no call for it.
//
// Node-API's few declarations that it takes are here (nodejs.org/api/n-api.html, "stable ABI"; version 8 and before), so
// that it needs no headers of Node.
#include <openssl/rand.h>
#include <sys/random.h>

#include <cstddef>

extern "C" {
struct napi_env__;
struct napi_value__;
struct napi_callback_info__;
using napi_env = napi_env__*;
using napi_value = napi_value__*;
using napi_callback = napi_value (*)(napi_env, napi_callback_info__*);
int napi_create_function(napi_env, const char* name, std::size_t length, napi_callback, void* data,
                         napi_value* result);
int napi_set_named_property(napi_env, napi_value object, const char* name, napi_value value);
int napi_throw_error(napi_env, const char* code, const char* message);
}

namespace {

/// RAND_add(3): what is added reseeds the first generator; the threads' ones see that it was and follow.
napi_value reseed(napi_env env, napi_callback_info__* /*info*/) {
  unsigned char entropy[48];
  if (::getrandom(entropy, sizeof entropy, 0) != static_cast<ssize_t>(sizeof entropy)) {
    (void)napi_throw_error(env, nullptr, "getrandom failed");
    return nullptr;
  }
  ::RAND_add(entropy, sizeof entropy, sizeof entropy);
  return nullptr;
}

}  // namespace

// The name by which Node finds a module's start.
extern "C" napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function = nullptr;
  if (napi_create_function(env, "reseed", static_cast<std::size_t>(-1), reseed, nullptr, &function) == 0) {
    (void)napi_set_named_property(env, exports, "reseed", function);
  }
  return exports;
}
