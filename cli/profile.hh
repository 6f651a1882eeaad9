// Profiles as the AWS CLI and the SDKs read them ("AWS SDKs and Tools Reference Guide, shared config and credentials
// files").
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hh"

namespace caisson::cli {

using Entries = std::vector<std::pair<std::string, std::string>>;

/// `text` with these entries in the section "[header]": others of the section and of the file stay as they are.
std::string with_section(const std::string& text, const std::string& header, const Entries& entries);
/// `text` without these names in the section, and without the section if nothing else is in it.
std::string without_section(const std::string& text, const std::string& header,
                            const std::vector<std::string>& names);

struct Profile {
  std::string name;
  std::string access_key_id;
  std::string secret_access_key;
  std::string region;
};

/// Where profiles go: one file with everything, to be named by AWS_SHARED_CREDENTIALS_FILE, or credentials and region in
/// a file each.
struct ProfileFiles {
  std::string credentials;
  std::string config;  ///< the same as `credentials` for one file
};
/// `one_file`, or else what AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE say, or else ~/.aws/credentials and
/// ~/.aws/config. Error Usage when there is no HOME.
Result<ProfileFiles> profile_files(const std::string& one_file);

/// Adds or replaces the profile. Files are replaced as a whole and are their owner's alone (mode 0600); folders that are
/// missing are made. Errors: those of the system calls.
Status write_profile(const ProfileFiles& files, const Profile& profile);
/// What the profile has, for signing. Error Usage when it is not there.
Result<Profile> read_profile(const ProfileFiles& files, const std::string& name);
/// Takes the key away again if the profile has it; another key stays.
Status remove_profile(const ProfileFiles& files, const std::string& name);

}  // namespace caisson::cli
