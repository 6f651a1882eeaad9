// The one table of operations: it serves the HTTP API, the CLI, the store's replay and docs/api.md.
//
// An operation's JSON members are those of the EC2 action ("CidrBlock"); parameters are checked against their
// shapes before a handler sees them (UnknownParameter, MissingParameter, InvalidParameterValue), so handlers
// read them without checks of type. All functions here are pure and may be called from any thread.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vpc/apply/apply.hh"

namespace caisson::netd::api {

/// The shape of one member, or of a list's items.
struct Shape {
  enum class Type { kString, kInteger, kBoolean, kStructure, kList };
  Type type = Type::kString;
  std::vector<struct Member> members;  ///< kStructure
  std::vector<Shape> item;             ///< kList: exactly one
  std::size_t longest = 4096;          ///< kString: bytes
};

struct Member {
  std::string name;  ///< as `aws ec2 ... --generate-cli-skeleton` spells it
  Shape shape;
  bool required = false;
  std::string doc;  ///< one sentence, for --help and docs/api.md
  /// Why EC2's member is not served here; then anything but an empty value is InvalidParameterValue.
  std::string unsupported = {};
};

using Json = nlohmann::json;

struct Operation {
  std::string name;  ///< EC2's action: "CreateVpc"
  std::string doc;
  std::string example;  ///< arguments of the CLI's subcommand: "--cidr-block 10.0.0.0/16"
  std::vector<Member> members;
  /// Not offered over HTTP: asked by runnerd over attach.sock (EnsureFunctionInterface, ...).
  bool internal = false;
  /// Offered to operators alone, over the unix socket: UnauthorizedOperation for who comes with a signature.
  bool operators_only = false;

  /// Changing operations: parameters to command, and the reply from what was applied.
  std::function<Result<vpc::Command>(const Json& parameters)> decode;
  std::function<Json(const vpc::Applied& applied, const vpc::AccountId& account, const Json& parameters)>
      reply;
  /// Reading operations (then `decode` is empty): the whole reply from a snapshot.
  std::function<Result<Json>(const vpc::State& state, const vpc::AccountId& account, const Json& parameters)>
      read;

  [[nodiscard]] bool changes() const { return static_cast<bool>(decode); }
};

/// All operations, sorted by name. Built once.
const std::vector<Operation>& operations();

/// nullptr: there is none of this name (EC2: InvalidAction).
const Operation* find_operation(const std::string& name);

/// What the kernel answers and the model does not: a path under /v1/ each, see core::Backend::inspect().
struct Inspection {
  const char* name;
  const char* doc;
  bool operators_only = false;       ///< it shows what belongs to no account, or to all
  std::vector<Member> members = {};  ///< of its request
};
const std::vector<Inspection>& inspections();

/// nullptr: there is none of this name.
const Inspection* find_inspection(const std::string& name);

/// Checks `parameters` against an operation's members. Errors: UnknownParameter, MissingParameter,
/// InvalidParameterValue (wrong type, too long, control characters, a member that is not supported).
Status check_parameters(const std::vector<Member>& members, const Json& parameters);
Status check_parameters(const Operation& operation, const Json& parameters);

/// The answer to a request with DryRun: what the request would fail with on `state`, else DryRunOperation.
/// Never a success (EC2 API, "DryRun").
Error dry_run(const Operation& operation, const vpc::State& state, const vpc::AccountId& account,
              const Json& parameters);

/// The HTTP status of an error with this code (EC2: 400 for clients' errors but for those listed in
/// "Error codes for the Amazon EC2 API"; errors of the kernel are 500 InternalError).
unsigned http_status(const Error& error);

/// {"Error":{"Code","Message"},"RequestID"}; an errno's code is shown as InternalError.
Json error_body(const Error& error, const std::string& request_id);

}  // namespace caisson::netd::api
