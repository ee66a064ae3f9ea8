// Parents and children that own each other: shared pointers in a circle are never freed. In the innocent
// program the way back is a weak pointer.
#include "leak_common.h"

#include <memory>
#include <string>

namespace {

struct Node {
    std::shared_ptr<Node> child;
    std::shared_ptr<Node> owner;
    std::weak_ptr<Node> parent;
    std::string name = "a name that is too long to stand in the object itself";
};

} // namespace

extern "C" Node* make_node() { return new Node; }

extern "C" void build_family(bool circle) {
    const std::shared_ptr<Node> parent(make_node());
    parent->child.reset(make_node());
    if (circle)
        parent->child->owner = parent;
    else
        parent->child->parent = parent;
}

int main(int argc, char** argv) {
    begin_program();
    const bool circle = is_fault(argc, argv) != 0;
    for (;;) {
        build_family(circle);
        pause_us(5000);
    }
}
