// An ordered map that is cheap to copy: a copy shares all nodes, and a change makes O(log n) new ones.
//
// An AVL tree with path copying (Adelson-Velsky, Landis 1962; Driscoll et al., "Making data structures persistent").
// The interface is the part of std::map's that is used here, so that the one can stand for the other; iterators are
// forward iterators, and a change of the map that they came from ends them. Distinct copies may be used by distinct
// threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

namespace caisson {

template <class Key, class Value>
class PersistentMap {
 public:
  using key_type = Key;
  using mapped_type = Value;
  using value_type = std::pair<const Key, Value>;

 private:
  struct Node;
  using Link = std::shared_ptr<const Node>;
  using Item = std::shared_ptr<const value_type>;
  struct Node {
    Item item;
    Link left;
    Link right;
    std::size_t size;
    int height;
  };

 public:
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = PersistentMap::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;
    reference operator*() const { return *path_[depth_ - 1]->item; }
    pointer operator->() const { return path_[depth_ - 1]->item.get(); }
    const_iterator& operator++() {
      const Node* node = path_[--depth_];
      descend(node->right.get());
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator& other) const {
      return depth_ == other.depth_ && (depth_ == 0 || path_[depth_ - 1] == other.path_[depth_ - 1]);
    }

   private:
    friend class PersistentMap;
    /// Nodes that are still to be visited, the next one last: those of which we are in the left half.
    void push(const Node* node) { path_[depth_++] = node; }
    void descend(const Node* node) {
      for (; node != nullptr; node = node->left.get()) {
        push(node);
      }
    }
    // An AVL tree of height 48 has more than 2^32 nodes.
    std::array<const Node*, 48> path_{};
    std::size_t depth_ = 0;
  };
  using iterator = const_iterator;

  PersistentMap() = default;
  PersistentMap(std::initializer_list<value_type> items) {
    for (const auto& item : items) {
      emplace(item.first, item.second);
    }
  }

  [[nodiscard]] bool empty() const { return !root_; }
  [[nodiscard]] std::size_t size() const { return size_of(root_); }
  [[nodiscard]] const_iterator begin() const {
    const_iterator first;
    first.descend(root_.get());
    return first;
  }
  [[nodiscard]] const_iterator end() const { return {}; }

  [[nodiscard]] const_iterator find(const Key& key) const {
    const auto found = lower_bound(key);
    return found != end() && !(key < found->first) ? found : end();
  }
  [[nodiscard]] bool contains(const Key& key) const { return value_at(key) != nullptr; }
  /// Throws std::out_of_range as std::map does.
  [[nodiscard]] const Value& at(const Key& key) const {
    const Value* value = value_at(key);
    if (value == nullptr) throw std::out_of_range("PersistentMap::at");
    return *value;
  }
  /// The value, or nullptr. Quicker than find().
  [[nodiscard]] const Value* value_at(const Key& key) const {
    for (const Node* node = root_.get(); node != nullptr;) {
      if (key < node->item->first) {
        node = node->left.get();
      } else if (node->item->first < key) {
        node = node->right.get();
      } else {
        return &node->item->second;
      }
    }
    return nullptr;
  }
  [[nodiscard]] const_iterator lower_bound(const Key& key) const {
    return bound([&](const Key& other) { return other < key; });
  }
  [[nodiscard]] const_iterator upper_bound(const Key& key) const {
    return bound([&](const Key& other) { return !(key < other); });
  }
  /// How many keys are less. O(log n).
  [[nodiscard]] std::size_t rank(const Key& key) const {
    std::size_t rank = 0;
    for (const Node* node = root_.get(); node != nullptr;) {
      if (node->item->first < key) {
        rank += size_of(node->left) + 1;
        node = node->right.get();
      } else {
        node = node->left.get();
      }
    }
    return rank;
  }
  /// The item before which there are `rank` others; rank < size(). O(log n).
  [[nodiscard]] const value_type& nth(std::size_t rank) const {
    const Node* node = root_.get();
    for (std::size_t left = size_of(node->left); left != rank; left = size_of(node->left)) {
      if (rank < left) {
        node = node->left.get();
      } else {
        rank -= left + 1;
        node = node->right.get();
      }
    }
    return *node->item;
  }

  void insert_or_assign(const Key& key, Value value) {
    root_ = with(root_, std::make_shared<const value_type>(key, std::move(value)));
  }
  /// False, and nothing changes: the key is there.
  bool emplace(const Key& key, Value value) {
    if (contains(key)) return false;
    insert_or_assign(key, std::move(value));
    return true;
  }
  /// How many were removed: 0 or 1.
  std::size_t erase(const Key& key) {
    if (!contains(key)) return 0;
    root_ = without(root_, key);
    return 1;
  }

  bool operator==(const PersistentMap& other) const {
    if (root_ == other.root_) return true;
    if (size() != other.size()) return false;
    for (auto one = begin(), two = other.begin(); one != end(); ++one, ++two) {
      if (!(*one == *two)) return false;
    }
    return true;
  }

 private:
  static std::size_t size_of(const Link& link) { return link ? link->size : 0; }
  static int height_of(const Link& link) { return link ? link->height : 0; }

  template <class Before>
  const_iterator bound(const Before& before) const {
    const_iterator found;
    for (const Node* node = root_.get(); node != nullptr;) {
      if (before(node->item->first)) {
        node = node->right.get();
      } else {
        found.push(node);
        node = node->left.get();
      }
    }
    return found;
  }

  static Link make(Item item, Link left, Link right) {
    const std::size_t size = size_of(left) + size_of(right) + 1;
    const int height = std::max(height_of(left), height_of(right)) + 1;
    return std::make_shared<const Node>(
        Node{std::move(item), std::move(left), std::move(right), size, height});
  }

  /// As make(), where one side may be higher by two.
  static Link balanced(const Item& item, const Link& left, const Link& right) {
    if (height_of(left) > height_of(right) + 1) {
      if (height_of(left->left) >= height_of(left->right)) {
        return make(left->item, left->left, make(item, left->right, right));
      }
      const Link& middle = left->right;
      return make(middle->item, make(left->item, left->left, middle->left), make(item, middle->right, right));
    }
    if (height_of(right) > height_of(left) + 1) {
      if (height_of(right->right) >= height_of(right->left)) {
        return make(right->item, make(item, left, right->left), right->right);
      }
      const Link& middle = right->left;
      return make(middle->item, make(item, left, middle->left),
                  make(right->item, middle->right, right->right));
    }
    return make(item, left, right);
  }

  static Link with(const Link& node, Item item) {
    if (!node) return make(std::move(item), nullptr, nullptr);
    if (item->first < node->item->first) {
      return balanced(node->item, with(node->left, std::move(item)), node->right);
    }
    if (node->item->first < item->first) {
      return balanced(node->item, node->left, with(node->right, std::move(item)));
    }
    return make(std::move(item), node->left, node->right);
  }

  /// `key` is there.
  static Link without(const Link& node, const Key& key) {
    if (key < node->item->first) return balanced(node->item, without(node->left, key), node->right);
    if (node->item->first < key) return balanced(node->item, node->left, without(node->right, key));
    if (!node->left) return node->right;
    if (!node->right) return node->left;
    const Node* first = node->right.get();
    while (first->left) {
      first = first->left.get();
    }
    return balanced(first->item, node->left, without(node->right, first->item->first));
  }

  Link root_;
};

}  // namespace caisson
