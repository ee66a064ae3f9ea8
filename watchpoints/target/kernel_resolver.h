// Kernel symbols and kernel objects -> targets. Part of resolver.cpp; loads types, symbols and tasks when
// first needed, each of which costs milliseconds of the time to armed.
#pragma once

#include "loader/object_finder.h"
#include "watchpoints/target/expression.h"
#include "watchpoints/target/kernel_types.h"
#include "watchpoints/target/resolver.h"

#include <map>

namespace stakeout {

class KernelResolver {
  public:
    KernelResolver(const TargetQuery& query, const DataReferenceFinder& references);

    Result<Target> symbol(const SymbolExpression& expression);
    Result<Target> object(const ObjectExpression& expression, std::vector<WatchedObject>& objects);
    Result<Target> range(const std::string& text, const AddressRange& range);

    std::unique_ptr<KernelSymbols> take_symbols() { return std::move(symbols_); }
    std::unique_ptr<KernelTypes> take_types() { return std::move(types_); }

  private:
    Result<const KernelTypes*> types(const std::string& module = {});
    Result<const KernelSymbols*> symbols();
    Result<const KernelPeek*> peek();
    Result<const std::vector<so_task>*> tasks();

    Result<std::optional<Target>> per_cpu(const SymbolExpression& expression);
    Result<Target> per_cpu_by_offset(Target target);
    Result<std::uint64_t> symbol_address(const SymbolExpression& expression, std::string& note);
    Result<std::optional<std::uint64_t>> in_symbol_files(const SymbolExpression& expression,
                                                         std::string& note);
    Result<std::optional<std::uint64_t>> hidden_address(const SymbolExpression& expression,
                                                        std::string& note);
    Result<std::uint64_t> referenced_by(const SymbolExpression& expression, const std::string& function,
                                        std::string& note);
    Error unknown_symbol(const SymbolExpression& expression);
    Result<Target> typed(const Target& target, const std::string& type, const SymbolExpression& expression);
    Result<Target> untyped(Target target, const SymbolExpression& expression);
    Result<Target> place(std::string text, std::uint64_t address, TypeId type, bool pointer_like,
                         const std::vector<PathStep>& path, const KernelTypes& known);
    Status check(const Target& target, bool anywhere);

    const TargetQuery& query_;
    const DataReferenceFinder& references_;
    std::unique_ptr<KernelTypes> types_;
    std::unique_ptr<KernelSymbols> symbols_;
    std::unique_ptr<KernelPeek> peek_;
    std::optional<std::vector<so_task>> tasks_;
};

} // namespace stakeout
