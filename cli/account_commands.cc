#include "cli/account_commands.hh"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/print.hh"
#include "cli/profile.hh"

namespace caisson::cli {
namespace {

using Json = nlohmann::json;

struct Words {
  std::string account;
  std::string account_id;
  std::string profile;
  std::string profile_file;
  std::string region = "us-east-1";
  bool no_profile = false;
};

class Accounts {
 public:
  explicit Accounts(AccountContext context) : context_(std::move(context)) {}

  Status create(const Words& words) const {
    Json parameters{{"AccountName", words.account}};
    if (!words.account_id.empty()) parameters["AccountId"] = words.account_id;
    TRY(const auto made, context_.ask("", "CreateAccount", parameters));
    return make_key(made.at("Account"), words, nullptr);
  }

  Status create_key(const Words& words) const {
    TRY(const auto account, find(words.account));
    return make_key(account, words, nullptr);
  }

  /// A new key, the profile with it, and only then the end of the old ones.
  Status rotate_key(const Words& words) const {
    TRY(const auto account, find(words.account));
    TRY(const auto old, context_.ask(account.at("AccountId"), "ListAccessKeys", Json::object()));
    return make_key(account, words, &old.at("AccessKeyMetadata"));
  }

  Status remove(const Words& words) const {
    TRY(const auto account, find(words.account));
    TRYV(context_.ask("", "DeleteAccount", {{"AccountId", account.at("AccountId")}}));
    if (!words.no_profile) {
      TRY(const auto files, profile_files(words.profile_file));
      TRYV(remove_profile(files, profile_name(account, words)));
    }
    if (context_.json) context_.out << "{}\n";
    return ok();
  }

  Status list() const {
    TRY(const auto reply, context_.ask("", "DescribeAccounts", Json::object()));
    if (context_.json) {
      context_.out << reply.dump(4) << "\n";
      return ok();
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& account : reply.at("Accounts")) {
      TRY(const auto keys, context_.ask(account.at("AccountId"), "ListAccessKeys", Json::object()));
      std::string ids;
      for (const auto& key : keys.at("AccessKeyMetadata"))
        ids += (ids.empty() ? "" : " ") + key.at("AccessKeyId").get<std::string>();
      rows.push_back({account.at("AccountId"), account.at("AccountName"), account.value("CreateDate", "-"),
                      ids.empty() ? "-" : ids});
    }
    context_.out << table({"ACCOUNT", "NAME", "CREATED", "ACCESS KEYS"}, rows);
    return ok();
  }

 private:
  /// By name or id.
  Result<Json> find(const std::string& word) const {
    TRY(const auto reply, context_.ask("", "DescribeAccounts", Json::object()));
    for (const auto& account : reply.at("Accounts")) {
      if (account.at("AccountId") == word || account.at("AccountName") == word) return account;
    }
    return Error{.code = "NoSuchEntity", .message = "The account " + word + " cannot be found."};
  }

  static std::string profile_name(const Json& account, const Words& words) {
    return words.profile.empty() ? account.at("AccountName").get<std::string>() : words.profile;
  }

  Status make_key(const Json& account, const Words& words, const Json* replaced) const {
    const std::string id = account.at("AccountId");
    TRY(const auto made, context_.ask(id, "CreateAccessKey", Json::object()));
    const Json& key = made.at("AccessKey");
    Json shown{{"Account", account}, {"AccessKey", key}};
    if (!words.no_profile) {
      TRY(const auto files, profile_files(words.profile_file));
      const Profile profile{.name = profile_name(account, words),
                            .access_key_id = key.at("AccessKeyId"),
                            .secret_access_key = key.at("SecretAccessKey"),
                            .region = words.region};
      TRYV(write_profile(files, profile));
      shown["Profile"] = {
          {"Name", profile.name}, {"CredentialsFile", files.credentials}, {"ConfigFile", files.config}};
    }
    if (replaced != nullptr) {
      for (const auto& old : *replaced) {
        TRYV(context_.ask(id, "DeleteAccessKey", {{"AccessKeyId", old.at("AccessKeyId")}}));
      }
    }
    print(shown);
    return ok();
  }

  void print(const Json& shown) const {
    if (context_.json) {
      context_.out << shown.dump(4) << "\n";
      return;
    }
    const auto text = [&](const char* part, const char* member) {
      return shown.at(part).at(member).get<std::string>();
    };
    context_.out << "account            " << text("Account", "AccountId") << "  "
                 << text("Account", "AccountName") << "\naccess key id      "
                 << text("AccessKey", "AccessKeyId") << "\nsecret access key  "
                 << text("AccessKey", "SecretAccessKey") << "  (shown only now)\n";
    if (!shown.contains("Profile")) return;
    context_.out << "profile            " << text("Profile", "Name") << "  in "
                 << text("Profile", "CredentialsFile") << "\n  aws --profile " << text("Profile", "Name")
                 << " --endpoint-url http://127.0.0.1:4751 lambda list-functions\n";
  }

  AccountContext context_;
};

void add_profile_options(CLI::App& command, Words& words, bool with_region) {
  const std::string group = "The profile for the AWS CLI";
  command.add_option("--profile", words.profile, "Its name [the account's].")->group(group);
  command
      .add_option("--profile-file", words.profile_file,
                  "One file for all of it, to be named by AWS_SHARED_CREDENTIALS_FILE [the files that "
                  "AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name, else those in ~/.aws].")
      ->group(group);
  command.add_flag("--no-profile", words.no_profile, "Leave files alone.")->group(group);
  if (with_region)
    command.add_option("--region", words.region, "The region in it [us-east-1].")->group(group);
}

using Step = Status (Accounts::*)(const Words& words) const;

CLI::App* add_step(CLI::App& parent, const AccountContext& context, const std::string& name,
                   const std::string& doc, Step step, bool makes_key) {
  auto* command = parent.add_subcommand(name, doc);
  auto words = std::make_shared<Words>();
  command
      ->add_option(name == "create" ? "NAME" : "ACCOUNT", words->account,
                   name == "create" ? "1 to 63 of a-z, 0-9 and -." : "Name or id.")
      ->required();
  if (name == "create") command->add_option("--account-id", words->account_id, "12 digits [random ones].");
  add_profile_options(*command, *words, makes_key);
  command->footer("Example:\n  caisson account " + name + " shop");
  command->callback([context, words, step] {
    context.act([context, words, step] { return (Accounts(context).*step)(*words); });
  });
  return command;
}

}  // namespace

void add_account_commands(CLI::App& app, const AccountContext& context) {
  auto* account = app.add_subcommand("account", "Accounts and their access keys.");
  account->group("Accounts");
  account->require_subcommand(1);
  add_step(*account, context, "create",
           "Creates an account with an access key, and a profile for the AWS CLI.", &Accounts::create, true);
  add_step(*account, context, "create-key", "Creates a further access key of an account.",
           &Accounts::create_key, true);
  add_step(*account, context, "rotate-key",
           "Creates an access key of an account and deletes those that it had.", &Accounts::rotate_key, true);
  add_step(*account, context, "delete", "Deletes an account that has nothing left, and its profile.",
           &Accounts::remove, false);
  auto* list = account->add_subcommand("list", "Lists accounts and the ids of their access keys.");
  list->callback([context] { context.act([context] { return Accounts(context).list(); }); });
}

}  // namespace caisson::cli
