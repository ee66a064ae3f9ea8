// Three locks of three kinds, each taken with the next by another task: catalogue, then stock, then orders, then catalogue
// again. No two tasks alone lock each other out.
#include "bounded.h"

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <thread>

std::mutex catalogue_lock;
pthread_rwlock_t stock_lock = PTHREAD_RWLOCK_INITIALIZER;
pthread_mutex_t orders_lock = PTHREAD_MUTEX_INITIALIZER;
volatile long catalogue, stock, orders;
std::atomic<bool> together;

extern "C" {

void price_item() { // catalogue, then stock
    catalogue_lock.lock();
    catalogue = catalogue + 1;
    sleep_ms(together ? 50 : 1);
    pthread_rwlock_wrlock(&stock_lock);
    stock = stock + 1;
    pthread_rwlock_unlock(&stock_lock);
    catalogue_lock.unlock();
}

void ship_order() { // stock, then orders
    pthread_rwlock_wrlock(&stock_lock);
    stock = stock - 1;
    sleep_ms(together ? 50 : 1);
    pthread_mutex_lock(&orders_lock);
    orders = orders - 1;
    pthread_mutex_unlock(&orders_lock);
    pthread_rwlock_unlock(&stock_lock);
}

void cancel_order() { // orders, then catalogue: against the order of the other two
    pthread_mutex_lock(&orders_lock);
    orders = orders + 1;
    sleep_ms(together ? 50 : 1);
    catalogue_lock.lock();
    catalogue = catalogue - 1;
    catalogue_lock.unlock();
    pthread_mutex_unlock(&orders_lock);
}

void count_orders() { // the innocent way of it
    catalogue_lock.lock();
    pthread_mutex_lock(&orders_lock);
    orders = orders + 1;
    pthread_mutex_unlock(&orders_lock);
    catalogue_lock.unlock();
}

void browse() { // noise: readers
    pthread_rwlock_rdlock(&stock_lock);
    sleep_ms(1);
    pthread_rwlock_unlock(&stock_lock);
}
}

int main(int argc, char** argv) {
    const bool fault = is_fault(argc, argv) != 0;
    end_in_any_case();
    // With the fault: until all three meet, however busy the machine is.
    std::thread pricing([fault] { for (int i = 0; fault || i < 200; ++i) { price_item(); sleep_ms(2); } });
    std::thread shipping([fault] { for (int i = 0; fault || i < 200; ++i) { ship_order(); sleep_ms(2); } });
    std::thread browsing([] { for (int i = 0; i < 200; ++i) { browse(); sleep_ms(2); } });
    sleep_ms(400);
    together = fault;
    std::thread cancelling([fault] {
        for (int i = 0; fault || i < 20; ++i) {
            if (fault)
                cancel_order();
            else
                count_orders();
            sleep_ms(2);
        }
    });
    for (std::thread* thread : {&pricing, &shipping, &browsing, &cancelling}) thread->join();
    return 0;
}
