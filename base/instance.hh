// Several instances run side by side: what each one owns bears its name.
#pragma once

#include <string>

namespace caisson {

/// "caisson", or "caisson-NAME" for a further instance: of its folders, its namespace, its pins and its control group.
std::string instance_name(const std::string& instance);

}  // namespace caisson
